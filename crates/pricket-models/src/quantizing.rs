//! Matrices of floats turned into blocks while they are read, so that no more of them stands in
//! memory as floats than a few rows.

use pricket_simd::{ActKind, Format, dequantize_row, quantize_row};

use crate::tensor_source::place;
use crate::{ModelError, TensorInfo, TensorSource};

/// What matrices of floats (F32, F16, BF16, `F8_E4M3`) become while they are loaded. What the files
/// have quantised stays as it is, and so do vectors, matrices whose rows are no multiple of 32, and
/// the matrices that choose experts, of which a small error is a wrong choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Quantization {
    /// They stay floats.
    #[default]
    None,
    /// 8.5 bits a weight.
    Q8_0,
    /// 4.5 bits a weight.
    Q4_0,
    /// 4.5 bits a weight, of which scales and offsets are chosen by a search: a smaller error than
    /// `Q4_0` for a longer load. Rows that are no multiple of 256 become `Q5_0`, of 5.5 bits.
    Q4K,
}

impl Quantization {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::None, Self::Q8_0, Self::Q4_0, Self::Q4K];

    /// What users call it: `none`, `q8_0`, `q4_0`, `q4_k`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
            Self::Q4K => "q4_k",
        }
    }

    /// The formats that rows may become: the first whose blocks a row is a multiple of.
    fn formats(self) -> &'static [Format] {
        match self {
            Self::None => &[],
            Self::Q8_0 => &[Format::Q8_0],
            Self::Q4_0 => &[Format::Q4_0],
            Self::Q4K => &[Format::Q4K, Format::Q5_0],
        }
    }
}

/// Ends of names of matrices that choose experts, as GGUF and checkpoints have them.
const ROUTERS: [&str; 4] =
    ["ffn_gate_inp.weight", "mlp.gate.weight", "block_sparse_moe.gate.weight", "mlp.router.weight"];

/// Rows are turned a few at a time: so many bytes of the file, or one row.
const BATCH_BYTES: usize = 64 << 10;

/// A source whose matrices of floats are blocks.
#[derive(Debug)]
pub(crate) struct Quantizing<'a> {
    source: &'a dyn TensorSource,
    formats: &'static [Format],
}

/// A matrix of floats that is to become blocks.
struct Matrix {
    name: String,
    stored: Format,
    format: Format,
    rows: usize,
    cols: usize,
}

impl<'a> Quantizing<'a> {
    /// A source seen through a quantisation; `None` where that changes nothing.
    pub(crate) fn over(source: &'a dyn TensorSource, what: Quantization) -> Option<Self> {
        let formats = what.formats();
        (!formats.is_empty()).then_some(Self { source, formats })
    }

    /// The tensor, where it is to become blocks.
    fn matrix(&self, info: &TensorInfo) -> Option<Matrix> {
        let (rows, cols) = match *info.shape.as_slice() {
            [rows, cols] => (rows, cols),
            // Of all experts, one below the other. Biases of all experts are a matrix too.
            [experts, rows, cols] => (experts.checked_mul(rows)?, cols),
            _ => return None,
        };
        let floats = info.format.activation_kind() == ActKind::F32;
        let bias = info.name.strip_suffix(".bias").is_some();
        let router = ROUTERS.iter().any(|end| info.name.ends_with(end));
        if !floats || bias || router || cols == 0 {
            return None;
        }
        let whole = |format: &&Format| cols.is_multiple_of(format.block_len());
        let format = *self.formats.iter().find(whole)?;
        Some(Matrix { name: info.name.clone(), stored: info.format, format, rows, cols })
    }

    /// Rows of a matrix as blocks, from `first` on, as many as `out` takes.
    fn rows(&self, matrix: &Matrix, first: usize, out: &mut [u8]) -> Result<(), ModelError> {
        let stored_row = matrix.stored.row_bytes(matrix.cols)?;
        let row = matrix.format.row_bytes(matrix.cols)?;
        let batch = (BATCH_BYTES / stored_row).max(1);
        let mut stored = vec![0; batch.min(out.len() / row) * stored_row];
        let mut values = vec![0.0; matrix.cols];
        for (index, out) in out.chunks_mut(batch * row).enumerate() {
            let stored = stored.get_mut(..out.len() / row * stored_row).unwrap_or_default();
            let at = (first + index * batch) as u64 * stored_row as u64;
            self.source.read_range(&matrix.name, at, stored)?;
            for (stored, out) in stored.chunks_exact(stored_row).zip(out.chunks_exact_mut(row)) {
                dequantize_row(matrix.stored, stored, &mut values)?;
                quantize_row(matrix.format, &values, out)?;
            }
        }
        Ok(())
    }
}

impl TensorSource for Quantizing<'_> {
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        self.source.names()
    }

    fn has(&self, name: &str) -> bool {
        self.source.has(name)
    }

    fn info(&self, name: &str) -> Result<TensorInfo, ModelError> {
        let info = self.source.info(name)?;
        let Some(matrix) = self.matrix(&info) else { return Ok(info) };
        let row = matrix.format.row_bytes(matrix.cols)? as u64;
        let bytes = row.saturating_mul(matrix.rows as u64);
        Ok(TensorInfo { format: matrix.format, bytes, ..info })
    }

    fn read_range(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ModelError> {
        let Some(matrix) = self.matrix(&self.source.info(name)?) else {
            return self.source.read_range(name, offset, buffer);
        };
        let row = matrix.format.row_bytes(matrix.cols)?;
        let bytes = (row as u64).saturating_mul(matrix.rows as u64);
        place(name, 0, bytes, offset, buffer.len())?;
        // Inside the matrix, whose rows a `usize` counts.
        let (first, skip) = ((offset / row as u64) as usize, (offset % row as u64) as usize);
        if skip == 0 && buffer.len().is_multiple_of(row) {
            return self.rows(&matrix, first, buffer);
        }
        let mut rows = vec![0; (skip + buffer.len()).div_ceil(row) * row];
        self.rows(&matrix, first, &mut rows)?;
        for (place, byte) in buffer.iter_mut().zip(rows.iter().skip(skip)) {
            *place = *byte;
        }
        Ok(())
    }
}
