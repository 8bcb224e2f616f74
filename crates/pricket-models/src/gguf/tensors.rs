//! The table of a GGUF file's tensors: read, and held against the file.

use super::ggml_type::GgmlType;
use super::reader::Reader;
use crate::ModelError;
use crate::limits::{GGUF_DIMENSIONS_MAX, GGUF_TENSOR_NAME_BYTES_MAX};
use crate::tensor_source::{Bytes, label};

/// A tensor of a GGUF file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufTensor {
    /// Its name.
    pub name: String,
    /// Its shape, outermost first (the file has it innermost first): a matrix is `[rows, cols]`.
    pub shape: Vec<usize>,
    /// How its values are stored.
    pub ggml_type: GgmlType,
    /// Which of the model's files holds it.
    pub part: usize,
    /// Where its bytes begin, counted from that file's first.
    pub offset: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

impl GgufTensor {
    /// How many values it has.
    pub fn elements(&self) -> u64 {
        self.shape.iter().map(|&axis| axis as u64).product()
    }
}

/// The fewest bytes that an entry of the table takes: the length of the name, a byte of name, the
/// number of dimensions, one dimension, the type and the offset.
pub(super) const ENTRY_BYTES_MIN: u64 = 8 + 1 + 4 + 8 + 4 + 8;

/// Reads one entry; its offset is still relative to the data.
pub(super) fn read_entry(reader: &mut Reader<'_>) -> Result<GgufTensor, ModelError> {
    let name = reader.string("a tensor's name", GGUF_TENSOR_NAME_BYTES_MAX)?;
    if name.is_empty() {
        return Err(reader.malformed("a tensor has no name"));
    }
    let dimensions = reader.u32()?;
    if !(1..=GGUF_DIMENSIONS_MAX).contains(&dimensions) {
        let name = label(&name);
        return Err(reader.malformed(format!("tensor `{name}` has {dimensions} dimensions")));
    }
    let mut shape = Vec::with_capacity(dimensions as usize);
    for _ in 0..dimensions {
        let axis = reader.u64()?;
        match usize::try_from(axis) {
            Ok(axis) if axis > 0 => shape.push(axis),
            _ => {
                let name = label(&name);
                return Err(reader.malformed(format!("tensor `{name}` has an axis of {axis}")));
            }
        }
    }
    let id = reader.u32()?;
    let Some(ggml_type) = GgmlType::from_id(id) else {
        let found = GgmlType::unknown_name(id);
        return Err(ModelError::QuantizationUnsupported { tensor: label(&name), found });
    };
    let bytes = byte_size(&shape, ggml_type).map_err(|why| {
        let name = label(&name);
        reader.malformed(format!("tensor `{name}` of shape {shape:?} {why}"))
    })?;
    shape.reverse();
    Ok(GgufTensor { name, shape, ggml_type, part: 0, offset: reader.u64()?, bytes })
}

/// The bytes of a tensor, whose innermost axis is the first of `axes` and holds whole blocks.
fn byte_size(axes: &[usize], ggml_type: GgmlType) -> Result<u64, String> {
    let too_large = || "has more values than can be counted".to_owned();
    let mut elements: u64 = 1;
    for &axis in axes {
        elements = elements.checked_mul(axis as u64).ok_or_else(too_large)?;
    }
    let block_len = ggml_type.block_len();
    if axes.first().is_none_or(|&innermost| !(innermost as u64).is_multiple_of(block_len)) {
        return Err(format!("does not have whole {ggml_type} blocks of {block_len} in a row"));
    }
    (elements / block_len).checked_mul(ggml_type.block_bytes()).ok_or_else(too_large)
}

/// Makes the offsets absolute; refuses those that are misaligned, outside the file or overlapping.
pub(super) fn settle(
    tensors: &mut [GgufTensor],
    data_start: u64,
    alignment: u64,
    bytes: &Bytes,
) -> Result<(), ModelError> {
    let malformed = |offset, why| ModelError::Malformed { what: bytes.name(), offset, why };
    for tensor in &mut *tensors {
        let name = label(&tensor.name);
        if !tensor.offset.is_multiple_of(alignment) {
            let why = format!("tensor `{name}` is not aligned to {alignment} bytes");
            return Err(malformed(tensor.offset, why));
        }
        let end = data_start
            .checked_add(tensor.offset)
            .and_then(|start| start.checked_add(tensor.bytes))
            .ok_or_else(|| {
                malformed(tensor.offset, format!("tensor `{name}` lies past what can be counted"))
            })?;
        tensor.offset += data_start;
        if end > bytes.len() {
            return Err(ModelError::Truncated {
                what: format!("{} (in tensor `{name}`)", bytes.name()),
                offset: tensor.offset,
                need: tensor.bytes,
                have: bytes.len().saturating_sub(tensor.offset),
            });
        }
    }
    let mut order: Vec<&GgufTensor> = tensors.iter().collect();
    order.sort_unstable_by_key(|tensor| tensor.offset);
    for pair in order.windows(2) {
        if let [first, second] = pair
            && first.offset + first.bytes > second.offset
        {
            let (first, name) = (label(&first.name), label(&second.name));
            let why = format!("tensors `{first}` and `{name}` overlap");
            return Err(malformed(second.offset, why));
        }
    }
    Ok(())
}
