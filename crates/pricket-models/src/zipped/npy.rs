//! What `numpy.savez` writes: an archive with an array in each file, a short header before it.
//!
//! As the `NumPy` documentation has the format (NEP 1). The header is a Python dictionary; of that
//! language, what numpy itself writes there is read.

use super::ZippedTensor;
use super::directory::{Directory, Entry, malformed};
use super::fields::Fields;
use crate::ModelError;
use crate::limits::{NPY_HEADER_BYTES_MAX, SAFETENSORS_DIMENSIONS_MAX};
use crate::tensor_source::{Bytes, label};

/// The end of an array's name in the archive.
pub(super) const SUFFIX: &str = ".npy";

const MAGIC: &[u8] = b"\x93NUMPY";
/// The magic, a version and the longest of the lengths.
const PREFIX_BYTES: usize = 12;

/// What the header says.
struct Header {
    dtype: String,
    columns_first: bool,
    shape: Vec<usize>,
}

/// The arrays of one file.
pub(super) fn read(
    bytes: &Bytes,
    archive: &Directory<'_>,
) -> Result<Vec<ZippedTensor>, ModelError> {
    archive.entries().iter().map(|entry| array(bytes, archive, entry)).collect()
}

fn array(
    bytes: &Bytes,
    archive: &Directory<'_>,
    entry: &Entry,
) -> Result<ZippedTensor, ModelError> {
    let name = entry.name.strip_suffix(SUFFIX).unwrap_or(&entry.name);
    let start = archive.start(entry)?;
    let refused = |why: &str| malformed(bytes, start, &format!("array `{}` {why}", label(name)));
    let mut prefix = vec![0; entry.size.min(PREFIX_BYTES as u64) as usize];
    bytes.read_at(start, &mut prefix)?;
    let (skip, len) = header_place(&prefix).ok_or_else(|| refused("has no header of numpy's"))?;
    if len > NPY_HEADER_BYTES_MAX {
        return Err(ModelError::LimitExceeded {
            what: format!("the header of array `{}`, in bytes,", label(name)),
            value: len,
            max: NPY_HEADER_BYTES_MAX,
        });
    }
    let data = skip + len;
    if data > entry.size {
        return Err(refused("ends within its header"));
    }
    let mut raw = vec![0; len as usize];
    bytes.read_at(start + skip, &mut raw)?;
    let text = std::str::from_utf8(&raw).map_err(|_| refused("has a header that is no text"))?;
    let header = Literal(text).header().ok_or_else(|| refused("has a header that is not read"))?;
    let stored = entry.size - data;
    let (dtype, size) = dtype(&header.dtype);
    let count = header.shape.iter().try_fold(1_u64, |count, &axis| count.checked_mul(axis as u64));
    let wanted = size.map(|size| count.and_then(|count| count.checked_mul(size)));
    if wanted.is_some_and(|wanted| wanted != Some(stored)) {
        return Err(refused("has another length than its shape says"));
    }
    let dtype = if header.columns_first && header.shape.len() > 1 {
        format!("{dtype} in columns")
    } else {
        dtype.to_owned()
    };
    let name = name.to_owned();
    let shape = header.shape;
    Ok(ZippedTensor { name, dtype, shape, file: 0, offset: start + data, bytes: stored })
}

/// Where the header begins, and how long it is.
fn header_place(prefix: &[u8]) -> Option<(u64, u64)> {
    let mut fields = Fields::of(prefix.strip_prefix(MAGIC)?);
    let version = fields.u16()? & 0xff;
    let len = match version {
        1 => fields.u16()?.into(),
        2 | 3 => fields.u32()?.into(),
        _ => return None,
    };
    Some(((MAGIC.len() + fields.at()) as u64, len))
}

/// As safetensors files name it, and the bytes of a value; a type that is in no table by its own
/// name, which is refused when it is asked for.
fn dtype(descr: &str) -> (&str, Option<u64>) {
    match descr {
        "<f4" => ("F32", Some(4)),
        "<f2" => ("F16", Some(2)),
        "<f8" => ("F64", Some(8)),
        "<i8" => ("I64", Some(8)),
        "<i4" => ("I32", Some(4)),
        "<i2" => ("I16", Some(2)),
        "|i1" => ("I8", Some(1)),
        "|u1" => ("U8", Some(1)),
        "|b1" => ("BOOL", Some(1)),
        other => (other, None),
    }
}

/// The rest of a literal of Python's.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }` and blanks.
    fn header(mut self) -> Option<Header> {
        let (mut dtype, mut columns_first, mut shape) = (None, None, None);
        self.demand("{")?;
        while !self.skip("}") {
            let key = self.text()?;
            self.demand(":")?;
            match key {
                "descr" => dtype = Some(self.text()?.to_owned()),
                "fortran_order" => columns_first = Some(self.truth()?),
                "shape" => shape = Some(self.shape()?),
                _ => return None,
            }
            if !self.skip(",") {
                self.demand("}")?;
                break;
            }
        }
        let Self(rest) = self;
        if !rest.trim().is_empty() {
            return None;
        }
        Some(Header { dtype: dtype?, columns_first: columns_first?, shape: shape? })
    }

    fn skip(&mut self, token: &str) -> bool {
        let rest = self.0.trim_start().strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn demand(&mut self, token: &str) -> Option<()> {
        self.skip(token).then_some(())
    }

    fn text(&mut self) -> Option<&'a str> {
        let (text, rest) = self.0.trim_start().strip_prefix('\'')?.split_once('\'')?;
        self.0 = rest;
        Some(text)
    }

    fn truth(&mut self) -> Option<bool> {
        if self.skip("True") {
            return Some(true);
        }
        self.skip("False").then_some(false)
    }

    fn shape(&mut self) -> Option<Vec<usize>> {
        self.demand("(")?;
        let mut shape = Vec::new();
        while !self.skip(")") {
            let rest = self.0.trim_start();
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let (digits, rest) = rest.split_at_checked(end)?;
            shape.push(digits.parse().ok()?);
            self.0 = rest;
            if shape.len() > SAFETENSORS_DIMENSIONS_MAX {
                return None;
            }
            if !self.skip(",") {
                self.demand(")")?;
                break;
            }
        }
        Some(shape)
    }
}
