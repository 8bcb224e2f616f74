//! The header of a safetensors file: eight bytes of length, then JSON that names every tensor.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{SafetensorsTensor, dtype};
use crate::ModelError;
use crate::limits::{SAFETENSORS_DIMENSIONS_MAX, SAFETENSORS_HEADER_BYTES_MAX};
use crate::tensor_source::{Bytes, label};

const LENGTH_BYTES: u64 = 8;

/// The tensors of a file and the writer's own notes.
pub(super) struct Header {
    pub(super) tensors: Vec<SafetensorsTensor>,
    pub(super) notes: BTreeMap<String, String>,
}

/// Reads and checks the header of one file, which is the `shard`th of its model.
pub(super) fn read(bytes: &Bytes, shard: usize) -> Result<Header, ModelError> {
    let json = read_json(bytes)?;
    let data_start = LENGTH_BYTES + json.len() as u64;
    let malformed = |offset, why| ModelError::Malformed { what: bytes.name(), offset, why };
    if json.first() != Some(&b'{') {
        return Err(malformed(LENGTH_BYTES, "the header is no JSON object".to_owned()));
    }
    let raw: RawHeader = serde_json::from_slice(&json)
        .map_err(|error| malformed(LENGTH_BYTES, format!("the header is wrong: {error}")))?;
    let mut tensors = Vec::with_capacity(raw.tensors.len());
    for (name, tensor) in raw.tensors {
        let refused =
            |why: String| malformed(LENGTH_BYTES, format!("tensor `{}` {why}", label(&name)));
        let (begin, end) = tensor.data_offsets;
        let len =
            end.checked_sub(begin).ok_or_else(|| refused("ends before it begins".to_owned()))?;
        check_size(&tensor, len).map_err(refused)?;
        let (shape, dtype) = (tensor.shape.0, tensor.dtype);
        tensors.push(SafetensorsTensor { name, dtype, shape, shard, offset: begin, bytes: len });
    }
    settle(&mut tensors, data_start, bytes)?;
    Ok(Header { tensors, notes: raw.notes })
}

fn read_json(bytes: &Bytes) -> Result<Vec<u8>, ModelError> {
    let truncated = |offset, need: u64| ModelError::Truncated {
        what: bytes.name(),
        offset,
        need,
        have: bytes.len().saturating_sub(offset),
    };
    if bytes.len() < LENGTH_BYTES {
        return Err(truncated(0, LENGTH_BYTES));
    }
    let mut length = [0; LENGTH_BYTES as usize];
    bytes.read_at(0, &mut length)?;
    let length = u64::from_le_bytes(length);
    if length > SAFETENSORS_HEADER_BYTES_MAX {
        return Err(ModelError::LimitExceeded {
            what: format!("the header of {}, in bytes,", bytes.name()),
            value: length,
            max: SAFETENSORS_HEADER_BYTES_MAX,
        });
    }
    if length > bytes.len() - LENGTH_BYTES {
        return Err(truncated(LENGTH_BYTES, length));
    }
    let mut json = vec![0; length as usize];
    bytes.read_at(LENGTH_BYTES, &mut json)?;
    Ok(json)
}

/// Holds a tensor's shape and type against its number of bytes. A type that the format's table does
/// not have cannot be checked; it is listed, and refused when it is asked for.
fn check_size(tensor: &RawTensor, len: u64) -> Result<(), String> {
    let Some(bits) = dtype::bits(&tensor.dtype) else { return Ok(()) };
    let shape = &tensor.shape.0;
    let total = shape.iter().try_fold(bits, |total, &axis| total.checked_mul(axis as u64));
    match total {
        Some(total) if total.is_multiple_of(8) && total / 8 == len => Ok(()),
        Some(total) => Err(format!(
            "of shape {shape:?} and type {} has {total} bits, but lies in {len} bytes",
            tensor.dtype
        )),
        None => Err(format!("of shape {shape:?} has more values than can be counted")),
    }
}

/// Makes the offsets absolute. The tensors fill the rest of the file without a gap or an overlap,
/// as the reference reader demands: nothing can hide between them.
fn settle(
    tensors: &mut [SafetensorsTensor],
    data_start: u64,
    bytes: &Bytes,
) -> Result<(), ModelError> {
    tensors.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
    let have = bytes.len().saturating_sub(data_start);
    let mut expected = 0;
    for tensor in &mut *tensors {
        if tensor.offset != expected {
            let (name, begin) = (label(&tensor.name), tensor.offset);
            let why = format!("tensor `{name}` begins at {begin}, but {expected} is expected");
            let offset = data_start.saturating_add(begin);
            return Err(ModelError::Malformed { what: bytes.name(), offset, why });
        }
        // It began where the one before it ended, so this is the `end` of the header.
        expected = tensor.offset.saturating_add(tensor.bytes);
        if expected > have {
            return Err(ModelError::Truncated {
                what: format!("{} (in tensor `{}`)", bytes.name(), label(&tensor.name)),
                offset: data_start.saturating_add(tensor.offset),
                need: tensor.bytes,
                have: have.saturating_sub(tensor.offset),
            });
        }
        tensor.offset += data_start;
    }
    if expected != have {
        let why = format!("{} bytes belong to no tensor", have - expected);
        let offset = data_start + expected;
        return Err(ModelError::Malformed { what: bytes.name(), offset, why });
    }
    Ok(())
}

struct RawHeader {
    tensors: Vec<(String, RawTensor)>,
    notes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTensor {
    dtype: String,
    shape: Shape,
    data_offsets: (u64, u64),
}

struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    // A tensor that is there twice stays twice in the list; the index over the names refuses it.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
        let mut header = RawHeader { tensors: Vec::new(), notes: BTreeMap::new() };
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                header.notes = map.next_value()?;
            } else {
                header.tensors.push((name, map.next_value()?));
            }
        }
        Ok(header)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a shape of at most {SAFETENSORS_DIMENSIONS_MAX} dimensions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
        let mut axes = Vec::new();
        while let Some(axis) = list.next_element()? {
            if axes.len() == SAFETENSORS_DIMENSIONS_MAX {
                return Err(A::Error::invalid_length(axes.len() + 1, &self));
            }
            axes.push(axis);
        }
        Ok(Shape(axes))
    }
}
