//! The matrices of latent attention by head.
//!
//! Checkpoints hold one matrix that makes the keys and values of all heads out of a latent: of each
//! head its keys' rows, then its values', each as long as the latent. Attention in the latent's
//! space multiplies queries with the first transposed and what they attended to with the second,
//! head by head. Newer GGUF files hold the two apart, and the first transposed; all others are
//! shown as if they did.
//!
//! - Values are rows of the file's matrix and stay as they are stored.
//! - Keys that are stored as floats are transposed as they are; `F8_E4M3` too where every block of
//!   128 x 128 belongs to one head, as it does where heads are a multiple of 128 wide. What is
//!   stored in blocks along a row has none along a column: it becomes F32, which is exact.
//!
//! Each head's rows are filled up with zeros to the kernels' groups of 16, so that a head begins
//! with a group.

use std::collections::BTreeMap;

use pricket_simd::{Format, dequantize_row};

use crate::blueprint::{Blueprint, LatentPlan, LayerPart};
use crate::tensor_source::place;
use crate::{ModelError, TensorInfo, TensorSource};

/// Columns of `F8_E4M3` that share a scale, and rows that do in a file.
const BLOCK: usize = 128;

/// A source whose matrices of latent attention are cut into heads.
#[derive(Debug)]
pub(crate) struct LatentHeads<'a> {
    source: &'a dyn TensorSource,
    /// By the names that are shown.
    cuts: BTreeMap<String, Cut>,
    /// What is shown in the place of a tensor of the file.
    shown: BTreeMap<String, Vec<String>>,
}

/// A matrix that is shown.
#[derive(Debug)]
struct Cut {
    /// The tensor that it is made of.
    from: String,
    kind: Kind,
    heads: usize,
    latent: LatentPlan,
}

/// What a head's rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What makes keys, out of the matrix that makes both.
    Keys,
    /// What makes values, out of the same.
    Values,
    /// Rows of a tensor of their own.
    Own { rows: usize, cols: usize },
}

impl<'a> LatentHeads<'a> {
    /// A source seen head by head; `None` where no layer has latent attention.
    pub(crate) fn over(source: &'a dyn TensorSource, b: &Blueprint) -> Option<Self> {
        let (mut cuts, mut shown) = (BTreeMap::new(), BTreeMap::<String, Vec<String>>::new());
        for (index, layer) in b.layers.iter().enumerate() {
            let Some(latent) = layer.attention.latent else { continue };
            let heads = layer.attention.heads;
            let name = |part| b.names.layer(index, part, "weight");
            let both = name(LayerPart::HeadBoth);
            let parts = [
                (LayerPart::HeadKeys, Kind::Keys, (latent.rank, latent.plain)),
                (LayerPart::HeadValues, Kind::Values, (latent.value, latent.rank)),
            ];
            for (part, kind, (rows, cols)) in parts {
                let (from, kind) = if source.has(&name(part)) {
                    (name(part), Kind::Own { rows, cols })
                } else if source.has(&both) {
                    (both.clone(), kind)
                } else {
                    continue;
                };
                shown.entry(from.clone()).or_default().push(name(part));
                cuts.insert(name(part), Cut { from, kind, heads, latent });
            }
            // Where a file has both forms, the one that is not read is not shown.
            shown.entry(both).or_default();
        }
        let is_latent = b.layers.iter().any(|layer| layer.attention.latent.is_some());
        is_latent.then_some(Self { source, cuts, shown })
    }
}

/// A cut whose tensor was found to be what it must.
struct Matrix<'a> {
    cut: &'a Cut,
    stored: Format,
    shown: Format,
}

impl Cut {
    /// Rows of a head that the file has, rows with those that fill them up, and columns.
    fn shape(&self) -> (usize, usize, usize) {
        let LatentPlan { rank, plain, value, .. } = self.latent;
        let whole = pricket_simd::GROUP_ROWS;
        let (rows, cols) = match self.kind {
            Kind::Keys => (rank, plain),
            Kind::Values => (value, rank),
            Kind::Own { rows, cols } => (rows, cols),
        };
        (rows, rows.next_multiple_of(whole), cols)
    }

    /// Rows of a head in the file's matrix, and before them those that are not this cut's.
    fn file_rows(&self) -> (usize, usize, usize) {
        let LatentPlan { plain, value, .. } = self.latent;
        match self.kind {
            Kind::Keys => (plain + value, 0, plain),
            Kind::Values => (plain + value, plain, value),
            Kind::Own { rows, .. } => (rows, 0, rows),
        }
    }

    /// Checks the file's tensor.
    fn matrix(&self, source: &dyn TensorSource) -> Result<Matrix<'_>, ModelError> {
        let info = source.info(&self.from)?;
        let (stride, ..) = self.file_rows();
        let rows = self.heads * stride;
        let expected = match self.kind {
            Kind::Own { rows, cols } if info.shape.len() == 3 => vec![self.heads, rows, cols],
            Kind::Own { cols, .. } => vec![rows, cols],
            _ => vec![rows, self.latent.rank],
        };
        if info.shape != expected {
            return Err(ModelError::TensorShape { tensor: info.name, expected, found: info.shape });
        }
        let shown = if self.kind == Kind::Keys { self.turned(info.format) } else { info.format };
        Ok(Matrix { cut: self, stored: info.format, shown })
    }

    /// What keys of a format become when they are transposed.
    fn turned(&self, stored: Format) -> Format {
        let (stride, _, rows) = self.file_rows();
        let whole = stride.is_multiple_of(BLOCK) && rows.is_multiple_of(BLOCK);
        match stored {
            Format::F16 | Format::Bf16 => stored,
            Format::F8E4M3 if whole => stored,
            _ => Format::F32,
        }
    }
}

impl Matrix<'_> {
    fn info(&self, name: &str) -> Result<TensorInfo, ModelError> {
        let (_, rows, cols) = self.cut.shape();
        let rows = self.cut.heads * rows;
        let bytes = (self.shown.row_bytes(cols)? as u64).saturating_mul(rows as u64);
        Ok(TensorInfo { name: name.to_owned(), shape: vec![rows, cols], format: self.shown, bytes })
    }

    /// A head's rows as they are shown, those that fill them up included.
    fn head(&self, source: &dyn TensorSource, head: usize) -> Result<Vec<u8>, ModelError> {
        let (stride, before, count) = self.cut.file_rows();
        let (_, padded, cols) = self.cut.shape();
        let file_cols = if self.cut.kind == Kind::Keys { self.cut.latent.rank } else { cols };
        let row = self.stored.row_bytes(file_cols)?;
        let mut rows = vec![0; count * row];
        let first = (head * stride + before) as u64;
        source.read_range(&self.cut.from, first * row as u64, &mut rows)?;
        let mut out = if self.cut.kind == Kind::Keys { self.transposed(&rows)? } else { rows };
        out.resize(padded * self.shown.row_bytes(cols)?, 0);
        Ok(out)
    }

    /// Rows of keys, (plain, rank), as (rank, plain).
    fn transposed(&self, rows: &[u8]) -> Result<Vec<u8>, ModelError> {
        let LatentPlan { rank, plain, .. } = self.cut.latent;
        let row = self.stored.row_bytes(rank)?.max(1);
        match self.shown {
            Format::F16 | Format::Bf16 => Ok(columns(rows, row, 2, rank).flatten().collect()),
            Format::F8E4M3 => Ok(self.small_floats(rows, row)),
            _ => {
                let mut values = vec![0.0; plain * rank];
                for (row, values) in rows.chunks_exact(row).zip(values.chunks_exact_mut(rank)) {
                    dequantize_row(self.stored, row, values)?;
                }
                let values = (0..rank).flat_map(|at| values.iter().skip(at).step_by(rank));
                Ok(values.flat_map(|value| value.to_le_bytes()).collect())
            }
        }
    }

    /// The same of codes with a scale for each 128 of them, which stand behind a row's codes.
    fn small_floats(&self, rows: &[u8], row: usize) -> Vec<u8> {
        let rank = self.cut.latent.rank;
        let scales = columns(rows.get(rank..).unwrap_or_default(), row, 4, rank.div_ceil(BLOCK));
        // Of every 128 rows the scales are the same.
        let scales: Vec<Vec<u8>> = scales
            .map(|column| column.chunks(4).step_by(BLOCK).flatten().copied().collect())
            .collect();
        let codes = columns(rows, row, 1, rank).enumerate();
        codes
            .flat_map(|(at, mut codes)| {
                codes.extend(scales.get(at / BLOCK).into_iter().flatten());
                codes
            })
            .collect()
    }
}

/// Columns of `size` bytes each of rows that begin `row` bytes apart.
fn columns(
    rows: &[u8],
    row: usize,
    size: usize,
    count: usize,
) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..count).map(move |column| {
        let at = column * size;
        rows.chunks(row)
            .flat_map(|row| row.get(at..at + size).unwrap_or_default())
            .copied()
            .collect()
    })
}

impl TensorSource for LatentHeads<'_> {
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.source.names().flat_map(|name| {
            let shown = self.shown.get(name);
            let own = shown.is_none().then_some(name);
            own.into_iter().chain(shown.into_iter().flatten().map(String::as_str))
        }))
    }

    fn has(&self, name: &str) -> bool {
        self.cuts.contains_key(name) || (!self.shown.contains_key(name) && self.source.has(name))
    }

    fn info(&self, name: &str) -> Result<TensorInfo, ModelError> {
        match self.cuts.get(name) {
            Some(cut) => cut.matrix(self.source)?.info(name),
            None => self.source.info(name),
        }
    }

    fn read_range(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ModelError> {
        let Some(cut) = self.cuts.get(name) else {
            return self.source.read_range(name, offset, buffer);
        };
        let matrix = cut.matrix(self.source)?;
        let bytes = matrix.info(name)?.bytes;
        place(name, 0, bytes, offset, buffer.len())?;
        let of_head = (bytes / cut.heads.max(1) as u64).max(1);
        let (mut at, mut rest) = (offset, buffer);
        while !rest.is_empty() {
            let head = matrix.head(self.source, (at / of_head) as usize)?;
            let head = head.get((at % of_head) as usize..).unwrap_or_default();
            let count = head.len().min(rest.len());
            let (own, others) = rest.split_at_mut(count);
            own.copy_from_slice(head.get(..count).unwrap_or_default());
            if count == 0 {
                return Err(ModelError::TensorMissing { tensor: cut.from.clone() });
            }
            (at, rest) = (at + count as u64, others);
        }
        Ok(())
    }
}
