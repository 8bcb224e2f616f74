//! MXFP4, as the `OCP` defines it: `X_blocks` of bytes, (.., blocks, 16), two neighbouring values
//! each, the first in the low nibble; `X_scales`, (.., blocks), a power of two for each block of 32
//! columns. So writes gpt-oss, whose experts have an axis of their own.

use pricket_simd::Format;

use super::{GROUP, Quantized, shape};
use crate::ModelError;
use crate::safetensors::SafetensorsTensor;
use crate::tensor_source::label;

/// What ends the names of the parts.
const CODES: &str = "_blocks";
const SCALES: &str = "_scales";

/// The scales of blocks of MXFP4, where a tensor has such and nothing has their common name.
pub(super) fn scales<'a>(
    codes: &SafetensorsTensor,
    tensors: &'a [SafetensorsTensor],
    find: impl Fn(&str) -> Option<usize>,
) -> Option<(usize, &'a SafetensorsTensor)> {
    let name = codes.name.strip_suffix(CODES).filter(|_| codes.dtype == "U8")?;
    let place = find(&format!("{name}{SCALES}")).filter(|_| find(name).is_none())?;
    tensors.get(place).map(|scales| (place, scales))
}

/// A matrix of MXFP4, or several with an axis of their own.
pub(super) fn matrix(
    codes: &SafetensorsTensor,
    scales: &SafetensorsTensor,
    [code_place, scale_place]: [usize; 2],
) -> Result<Quantized, ModelError> {
    const BYTES: usize = GROUP / 2;
    let (stacked, each, blocks) = match *codes.shape.as_slice() {
        [rows, blocks, BYTES] => (None, rows, blocks),
        [stacked, rows, blocks, BYTES] => (Some(stacked), rows, blocks),
        _ => return Err(shape(codes, vec![1, 1, 1, BYTES])),
    };
    let expected: Vec<usize> = codes.shape.iter().copied().take(codes.shape.len() - 1).collect();
    if scales.shape != expected {
        return Err(shape(scales, expected));
    }
    let format = match scales.dtype.as_str() {
        "U8" | "F8_E8M0" => Ok(Format::Mxfp4),
        other => Err(format!("MXFP4 with scales of {}", label(other))),
    };
    let name = codes.name.strip_suffix(CODES).unwrap_or(&codes.name).to_owned();
    // Axes of a tensor without values may be of any size.
    let rows = stacked.unwrap_or(1).saturating_mul(each);
    let cols = blocks.saturating_mul(GROUP);
    let (codes, scales) = (code_place, scale_place);
    Ok(Quantized { name, stacked, rows, cols, format, codes, scales, span: GROUP })
}
