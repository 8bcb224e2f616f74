//! Matrices that several tensors of a checkpoint make up together, shown as one.
//!
//! - Blocks of 128 x 128: `X` of `F8_E4M3` and `X_scale_inv`, a scale for each block, the last ones
//!   of a row or column perhaps partly filled; a value is its code times its block's scale. So
//!   writes `DeepSeek`.
//! - Groups: `X_packed`, eight nibbles in 32 bits with the first in the lowest ones, each 8 more
//!   than what it stands for; `X_scale`, a scale for each group of columns; `X_shape`, rows and
//!   columns. So writes compressed-tensors, of 4 bits and symmetric (`pack-quantized`).
//! - MXFP4, see `micro`.
//!
//! What is shown is a tensor `X` in a format that the kernels read, whose rows are put together
//! from those of the parts when they are read.

mod micro;

use pricket_simd::Format;

use super::SafetensorsTensor;
use crate::ModelError;
use crate::tensor_source::label;

/// Rows and columns of a block of `F8_E4M3`.
const BLOCK: usize = 128;
/// Columns of a block of the format that groups become.
const GROUP: usize = 32;

/// What ends the names of the parts that stand beside the codes.
const BLOCK_SCALES: &str = "_scale_inv";
const CODES: &str = "_packed";
const GROUP_SCALES: &str = "_scale";
const SHAPE: &str = "_shape";
/// Parts that change what the codes mean in ways that are not read.
const FOREIGN: [(&str, &str); 2] =
    [("_zero_point", "asymmetric int4"), ("_g_idx", "int4 in an order of its own")];

/// A matrix, and which tensors it is made of.
#[derive(Debug, Clone)]
pub(super) struct Quantized {
    pub(super) name: String,
    /// How many matrices lie in it one below the other, where it has an axis for them.
    pub(super) stacked: Option<usize>,
    /// Of all of them together.
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// What it is shown as; how it is called where it is not read.
    pub(super) format: Result<Format, String>,
    /// The tensors of codes and scales.
    pub(super) codes: usize,
    pub(super) scales: usize,
    /// Columns that share a scale.
    span: usize,
}

/// A part of a file: a tensor, where in it, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) tensor: usize,
    pub(super) offset: u64,
    pub(super) bytes: usize,
}

/// What a tensor of a file is to those who ask for weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Itself.
    Plain,
    /// The codes of a matrix, which is shown in its place.
    Codes(usize),
    /// Some other part of a matrix.
    Beside,
}

/// Finds what the tensors make up: the matrices, and for each tensor its role. `find` gives the
/// place of a name, `shape_of` the two numbers of a `weight_shape`.
pub(super) fn find(
    tensors: &[SafetensorsTensor],
    find: impl Fn(&str) -> Option<usize>,
    shape_of: impl Fn(&SafetensorsTensor) -> Result<[u64; 2], ModelError>,
) -> Result<(Vec<Quantized>, Vec<Role>), ModelError> {
    let (mut found, mut roles) = (Vec::new(), vec![Role::Plain; tensors.len()]);
    for (codes, tensor) in tensors.iter().enumerate() {
        let part = |end: &str| {
            let place = find(&format!("{}{end}", tensor.name.strip_suffix(CODES)?))?;
            tensors.get(place).map(|tensor| (place, tensor))
        };
        let (matrix, beside): (_, Vec<usize>) = if tensor.dtype == "F8_E4M3" {
            let place = find(&format!("{}{BLOCK_SCALES}", tensor.name));
            let Some((place, scales)) = place.and_then(|at| Some((at, tensors.get(at)?))) else {
                continue;
            };
            (blocks(tensor, scales, [codes, place])?, vec![place])
        } else if let (Some(scales), Some(shape), None) =
            (part(GROUP_SCALES), part(SHAPE), part(""))
        {
            let foreign = FOREIGN.into_iter().find_map(|(end, what)| Some((part(end)?.0, what)));
            let mut matrix = groups(tensor, scales.1, shape_of(shape.1)?, [codes, scales.0])?;
            if let Some((_, what)) = foreign {
                matrix.format = Err(what.to_owned());
            }
            let beside = [scales.0, shape.0].into_iter().chain(foreign.map(|(place, _)| place));
            (matrix, beside.collect())
        } else if let Some((place, scales)) = micro::scales(tensor, tensors, &find) {
            (micro::matrix(tensor, scales, [codes, place])?, vec![place])
        } else {
            continue;
        };
        let mut set = |place: usize, role| {
            if let Some(place) = roles.get_mut(place) {
                *place = role;
            }
        };
        set(codes, Role::Codes(found.len()));
        for place in beside {
            set(place, Role::Beside);
        }
        found.push(matrix);
    }
    Ok((found, roles))
}

/// A matrix in blocks of 128 x 128.
fn blocks(
    codes: &SafetensorsTensor,
    scales: &SafetensorsTensor,
    [code_place, scale_place]: [usize; 2],
) -> Result<Quantized, ModelError> {
    let &[rows, cols] = codes.shape.as_slice() else {
        return Err(shape(codes, vec![1, 1]));
    };
    let expected = vec![rows.div_ceil(BLOCK), cols.div_ceil(BLOCK)];
    if scales.shape != expected {
        return Err(shape(scales, expected));
    }
    let format = match scales.dtype.as_str() {
        "F32" => Ok(Format::F8E4M3),
        other => Err(format!("F8_E4M3 with scales of {}", label(other))),
    };
    let name = codes.name.clone();
    let (codes, scales) = (code_place, scale_place);
    Ok(Quantized { name, stacked: None, rows, cols, format, codes, scales, span: BLOCK })
}

/// A matrix of nibbles in groups of columns.
fn groups(
    codes: &SafetensorsTensor,
    scales: &SafetensorsTensor,
    told: [u64; 2],
    [code_place, scale_place]: [usize; 2],
) -> Result<Quantized, ModelError> {
    const NIBBLES: usize = 8;
    let &[rows, words] = codes.shape.as_slice() else {
        return Err(shape(codes, vec![1, 1]));
    };
    let [told_rows, cols] = told.map(|axis| usize::try_from(axis).unwrap_or(usize::MAX));
    let eight_bits = cols.div_ceil(NIBBLES / 2) == words;
    if told_rows != rows || !(cols.div_ceil(NIBBLES) == words || eight_bits) {
        return Err(shape(codes, vec![told_rows, cols.div_ceil(NIBBLES)]));
    }
    let &[scale_rows, per_row] = scales.shape.as_slice() else {
        return Err(shape(scales, vec![rows, cols / GROUP]));
    };
    let span = cols.checked_div(per_row).unwrap_or(0);
    if scale_rows != rows || span.checked_mul(per_row) != Some(cols) || span == 0 {
        return Err(shape(scales, vec![rows, cols / GROUP]));
    }
    let format = match (codes.dtype.as_str(), scales.dtype.as_str()) {
        _ if eight_bits => Err("packed codes of 8 bits".to_owned()),
        ("I32", _) if !span.is_multiple_of(GROUP) => Err(format!("int4 in groups of {span}")),
        ("I32", "BF16") => Ok(Format::Int4),
        ("I32", "F16") => Ok(Format::Q4_0),
        ("I32", other) => Err(format!("int4 with scales of {}", label(other))),
        (other, _) => Err(format!("int4 packed in {}", label(other))),
    };
    let name = codes.name.strip_suffix(CODES).unwrap_or(&codes.name).to_owned();
    let (codes, scales) = (code_place, scale_place);
    Ok(Quantized { name, stacked: None, rows, cols, format, codes, scales, span })
}

fn shape(tensor: &SafetensorsTensor, expected: Vec<usize>) -> ModelError {
    let (tensor, found) = (label(&tensor.name), tensor.shape.clone());
    ModelError::TensorShape { tensor, expected, found }
}

impl Quantized {
    /// What it is shown as.
    ///
    /// # Errors
    /// [`ModelError::QuantizationUnsupported`].
    pub(super) fn shown(&self) -> Result<Format, ModelError> {
        self.format.clone().map_err(|found| ModelError::QuantizationUnsupported {
            tensor: label(&self.name),
            found,
        })
    }

    /// Its axes as it is shown.
    pub(super) fn shape(&self) -> Vec<usize> {
        match self.stacked {
            Some(count) => vec![count, self.rows / count.max(1), self.cols],
            None => vec![self.rows, self.cols],
        }
    }

    /// Bytes of a row as it is shown.
    pub(super) fn row_bytes(&self) -> Result<usize, ModelError> {
        Ok(self.shown()?.row_bytes(self.cols)?)
    }

    /// Bytes as it is shown.
    pub(super) fn bytes(&self) -> Result<u64, ModelError> {
        Ok((self.row_bytes()? as u64).saturating_mul(self.rows as u64))
    }

    /// Scales of a row, and the bytes of one.
    fn row_scales(&self) -> (usize, usize) {
        let bytes = match &self.format {
            Ok(Format::F8E4M3) => 4,
            Ok(Format::Mxfp4) => 1,
            _ => 2,
        };
        (self.cols.div_ceil(self.span.max(1)), bytes)
    }

    fn is_blocks(&self) -> bool {
        self.format == Ok(Format::F8E4M3)
    }

    /// What to read for some rows: their codes, and the scales that they need.
    pub(super) fn pieces(&self, first: usize, count: usize) -> [Piece; 2] {
        let code_bytes = if self.is_blocks() { self.cols } else { self.cols / 2 };
        let (scales, bytes) = self.row_scales();
        let (first_scale, last_scale) = if self.is_blocks() {
            (first / BLOCK, (first + count).div_ceil(BLOCK))
        } else {
            (first, first + count)
        };
        let piece = |tensor, first: usize, count: usize, row: usize| Piece {
            tensor,
            offset: first as u64 * row as u64,
            bytes: count * row,
        };
        [
            piece(self.codes, first, count, code_bytes),
            piece(self.scales, first_scale, last_scale - first_scale, scales * bytes),
        ]
    }

    /// Puts rows together, from `first` on, as they are shown.
    pub(super) fn join(&self, first: usize, [codes, scales]: [&[u8]; 2], out: &mut [u8]) {
        let (count, bytes) = self.row_scales();
        let row_scales = (count * bytes).max(1);
        if self.is_blocks() {
            let rows = codes.chunks_exact(self.cols.max(1)).enumerate();
            for ((row, codes), out) in rows.zip(out.chunks_exact_mut(self.cols + row_scales)) {
                let block = (first + row) / BLOCK - first / BLOCK;
                let scales = scales.chunks_exact(row_scales).nth(block).unwrap_or_default();
                for (place, byte) in out.iter_mut().zip(codes.iter().chain(scales)) {
                    *place = *byte;
                }
            }
            return;
        }
        if self.format == Ok(Format::Mxfp4) {
            let blocks = codes.as_chunks::<16>().0.iter().zip(scales);
            for ((codes, from), [scale, out @ ..]) in blocks.zip(out.as_chunks_mut::<17>().0) {
                (*scale, *out) = (*from, halves_apart(codes));
            }
            return;
        }
        let reordered = self.format == Ok(Format::Q4_0);
        let per_scale = self.span / GROUP;
        let blocks = codes.as_chunks::<16>().0.iter().zip(out.as_chunks_mut::<18>().0);
        for (index, (codes, [low, high, out @ ..])) in blocks.enumerate() {
            let scale = scales.as_chunks::<2>().0.get(index / per_scale.max(1));
            [*low, *high] = scale.copied().unwrap_or_default();
            *out = if reordered { halves_apart(codes) } else { *codes };
        }
    }
}

/// Nibbles two by two become those of values 0..16 below those of values 16..32.
fn halves_apart(pairs: &[u8; 16]) -> [u8; 16] {
    let [low, high] = [0, 8].map(|at| pairs.get(at..at + 8).unwrap_or_default());
    let mut out = [0; 16];
    for ((places, low), high) in out.as_chunks_mut::<2>().0.iter_mut().zip(low).zip(high) {
        *places = [low & 15 | high << 4, low >> 4 | high & 0xf0];
    }
    out
}
