//! Experts as checkpoints of gpt-oss hold them: gate and up in one tensor, their rows in turns.
//!
//! They are shown as matrices of their own, (experts, rows, cols):
//!
//! - Blocks, of MXFP4: rows stay as they are, every second one is taken.
//! - Floats are stored transposed, (experts, cols, rows): a row is put together from a column, by a
//!   read for each number of it, or for a piece of many rows at once.
//! - Biases, (experts, rows), are taken like rows of one number.

use std::collections::BTreeMap;

use pricket_simd::Format;

use crate::blueprint::{Blueprint, LayerPart};
use crate::tensor_source::place;
use crate::{ModelError, TensorInfo, TensorSource};

/// What ends the names of a matrix and of its biases, as they are shown and as files have them.
const KINDS: [(&str, &str); 2] = [("weight", ""), ("bias", "_bias")];

/// So many bytes of the file are read at once where every second row of them is taken.
const BATCH_BYTES: usize = 64 << 10;

/// Which tensors of the files hold the experts, and what is shown in their place.
#[derive(Debug, Clone)]
pub(crate) struct FusedExperts {
    /// By the names that are shown.
    cuts: BTreeMap<String, Cut>,
    /// By the names of the file.
    shown: BTreeMap<String, Vec<String>>,
}

/// A matrix of every expert, or its biases.
#[derive(Debug, Clone)]
struct Cut {
    from: String,
    experts: usize,
    rows: usize,
    /// Numbers of a row: 1 of biases.
    cols: usize,
    is_bias: bool,
    /// Which of how many that take turns.
    turn: usize,
    turns: usize,
    /// `None` where the tensor is not what it must be, which is told when it is asked for.
    form: Option<Form>,
}

/// How rows are stored.
#[derive(Debug, Clone, Copy)]
struct Form {
    format: Format,
    row_bytes: usize,
    transposed: bool,
}

impl FusedExperts {
    /// Finds them; `None` where an architecture's files have none.
    pub(crate) fn find(source: &dyn TensorSource, b: &Blueprint) -> Option<Self> {
        if b.names.part(LayerPart::ExpertBoth).is_empty() {
            return None;
        }
        let (mut cuts, mut shown) = (BTreeMap::new(), BTreeMap::<String, Vec<String>>::new());
        for (index, layer) in b.layers.iter().enumerate() {
            let Some(experts) = &layer.ffn.experts else { continue };
            let [gate, up, down] = LayerPart::of_expert(0);
            for (part, rows, cols, turn, turns) in [
                (gate, experts.width, b.hidden, 0, 2),
                (up, experts.width, b.hidden, 1, 2),
                (down, b.hidden, experts.width, 0, 1),
            ] {
                for (kind, _) in KINDS {
                    let Some(from) = file_name(b, index, part, kind) else { continue };
                    if !source.has(&from) {
                        continue;
                    }
                    let is_bias = kind == "bias";
                    let cols = if is_bias { 1 } else { cols };
                    let (experts, form) = (experts.count, None);
                    let mut cut = Cut { from, experts, rows, cols, is_bias, turn, turns, form };
                    cut.form = cut.found(source).ok();
                    let name = b.names.layer(index, part, kind);
                    shown.entry(cut.from.clone()).or_default().push(name.clone());
                    cuts.insert(name, cut);
                }
            }
        }
        Some(Self { cuts, shown })
    }

    /// A source seen so.
    pub(crate) fn over<'a>(&'a self, source: &'a dyn TensorSource) -> SplitExperts<'a> {
        SplitExperts { source, fused: self }
    }
}

/// What a file calls what is shown of an expert's part, where it calls it otherwise.
pub(crate) fn file_name(
    b: &Blueprint,
    layer: usize,
    part: LayerPart,
    kind: &str,
) -> Option<String> {
    let part = match part {
        LayerPart::ExpertGate(_) | LayerPart::ExpertUp(_) => LayerPart::ExpertBoth,
        LayerPart::ExpertDown(_) => part,
        _ => return None,
    };
    if b.names.part(LayerPart::ExpertBoth).is_empty() {
        return None;
    }
    let (_, end) = KINDS.into_iter().find(|(known, _)| *known == kind)?;
    let name = b.names.layer(layer, part, kind);
    Some(format!("{}{end}", name.strip_suffix(kind)?.strip_suffix('.')?))
}

impl Cut {
    /// Looks at the file's tensor.
    fn found(&self, source: &dyn TensorSource) -> Result<Form, ModelError> {
        let info = source.info(&self.from)?;
        let floats = matches!(info.format, Format::F32 | Format::F16 | Format::Bf16);
        let transposed = floats && !self.is_bias;
        let rows = self.rows * self.turns;
        let expected = match (self.is_bias, transposed) {
            (true, _) => vec![self.experts, rows],
            (false, true) => vec![self.experts, self.cols, rows],
            (false, false) => vec![self.experts, rows, self.cols],
        };
        if info.shape != expected {
            return Err(ModelError::TensorShape { tensor: info.name, expected, found: info.shape });
        }
        let row_bytes = info.format.row_bytes(self.cols)?;
        Ok(Form { format: info.format, row_bytes, transposed })
    }

    fn form(&self, source: &dyn TensorSource) -> Result<Form, ModelError> {
        self.form.map_or_else(|| self.found(source), Ok)
    }

    /// Bytes of all rows.
    fn bytes(&self, form: Form) -> u64 {
        (self.experts as u64 * self.rows as u64).saturating_mul(form.row_bytes as u64)
    }
}

/// A source whose experts have matrices of their own.
#[derive(Debug)]
pub(crate) struct SplitExperts<'a> {
    source: &'a dyn TensorSource,
    fused: &'a FusedExperts,
}

impl SplitExperts<'_> {
    /// Whole rows, from `first` of all experts' on.
    fn rows(&self, cut: &Cut, form: Form, first: usize, out: &mut [u8]) -> Result<(), ModelError> {
        if !form.transposed {
            return self.every_second(cut, form, first, out);
        }
        let (mut row, mut rest) = (first, out);
        while !rest.is_empty() {
            let count = (cut.rows - row % cut.rows).min(rest.len() / form.row_bytes);
            let (own, others) = rest.split_at_mut(count * form.row_bytes);
            self.columns(cut, form, row, own)?;
            (row, rest) = (row + count, others);
        }
        Ok(())
    }

    /// Rows that take turns with those of another matrix.
    fn every_second(
        &self,
        cut: &Cut,
        form: Form,
        first: usize,
        out: &mut [u8],
    ) -> Result<(), ModelError> {
        let row = form.row_bytes;
        let batch = (BATCH_BYTES / (cut.turns * row)).max(1);
        let mut stored = vec![0; (cut.turns * batch * row).min(cut.turns * out.len())];
        for (index, out) in out.chunks_mut(batch * row).enumerate() {
            // The last row's company is not read: there may be none.
            let span = cut.turns * (out.len() - row) + row;
            let stored = stored.get_mut(..span).unwrap_or_default();
            let from = cut.turns as u64 * (first + index * batch) as u64 + cut.turn as u64;
            self.source.read_range(&cut.from, from * row as u64, stored)?;
            let taken = stored.chunks(row).step_by(cut.turns);
            for (place, row) in out.chunks_exact_mut(row).zip(taken) {
                place.copy_from_slice(row);
            }
        }
        Ok(())
    }

    /// Rows of one expert, each a column of what is stored.
    fn columns(
        &self,
        cut: &Cut,
        form: Form,
        first: usize,
        out: &mut [u8],
    ) -> Result<(), ModelError> {
        let size = form.format.block_bytes();
        let (expert, row) = (first / cut.rows, first % cut.rows);
        let count = out.len() / form.row_bytes;
        let mut stored = vec![0; (cut.turns * (count - 1) + 1) * size];
        for col in 0..cut.cols {
            let line = (expert * cut.cols + col) as u64 * (cut.turns * cut.rows) as u64;
            let at = line + (cut.turns * row + cut.turn) as u64;
            self.source.read_range(&cut.from, at * size as u64, &mut stored)?;
            let taken = stored.chunks_exact(size).step_by(cut.turns);
            for (out, number) in out.chunks_exact_mut(form.row_bytes).zip(taken) {
                if let Some(place) = out.get_mut(col * size..(col + 1) * size) {
                    place.copy_from_slice(number);
                }
            }
        }
        Ok(())
    }
}

impl TensorSource for SplitExperts<'_> {
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.source.names().flat_map(|name| {
            let shown = self.fused.shown.get(name);
            let own = shown.is_none().then_some(name);
            own.into_iter().chain(shown.into_iter().flatten().map(String::as_str))
        }))
    }

    fn has(&self, name: &str) -> bool {
        let FusedExperts { cuts, shown } = self.fused;
        cuts.contains_key(name) || (!shown.contains_key(name) && self.source.has(name))
    }

    fn info(&self, name: &str) -> Result<TensorInfo, ModelError> {
        let Some(cut) = self.fused.cuts.get(name) else { return self.source.info(name) };
        let form = cut.form(self.source)?;
        let mut shape = vec![cut.experts, cut.rows];
        if !cut.is_bias {
            shape.push(cut.cols);
        }
        let (name, bytes) = (name.to_owned(), cut.bytes(form));
        Ok(TensorInfo { name, shape, format: form.format, bytes })
    }

    fn read_range(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ModelError> {
        let Some(cut) = self.fused.cuts.get(name) else {
            return self.source.read_range(name, offset, buffer);
        };
        let form = cut.form(self.source)?;
        place(name, 0, cut.bytes(form), offset, buffer.len())?;
        if buffer.is_empty() {
            return Ok(());
        }
        if cut.turns == 1 && !form.transposed {
            return self.source.read_range(&cut.from, offset, buffer);
        }
        // Inside the matrix, whose rows a `usize` counts.
        let row = form.row_bytes as u64;
        let (first, skip) = ((offset / row) as usize, (offset % row) as usize);
        if skip == 0 && buffer.len().is_multiple_of(form.row_bytes) {
            return self.rows(cut, form, first, buffer);
        }
        let mut rows = vec![0; (skip + buffer.len()).next_multiple_of(form.row_bytes)];
        self.rows(cut, form, first, &mut rows)?;
        for (place, byte) in buffer.iter_mut().zip(rows.iter().skip(skip)) {
            *place = *byte;
        }
        Ok(())
    }
}
