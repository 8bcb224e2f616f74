//! What `torch.save` writes: a pickle of names and shapes, and a file of the archive for each
//! storage.

use super::ZippedTensor;
use super::directory::{Directory, malformed};
use super::pickle::{self, Saved};
use crate::ModelError;
use crate::limits::{BYTE_ORDER_BYTES_MAX, PICKLE_BYTES_MAX};
use crate::tensor_source::{Bytes, label};

/// The pickle, in the archive's one folder.
const PICKLE: &str = "data.pkl";

/// The folder, with its slash, of the archive's pickle.
pub(super) fn folder<'a>(archive: &'a Directory<'_>) -> Option<&'a str> {
    archive.entries().iter().find_map(|entry| {
        let folder = entry.name.strip_suffix(PICKLE)?;
        (folder.is_empty() || folder.ends_with('/')).then_some(folder)
    })
}

/// The tensors of one file, which is the `file`th of its model.
pub(super) fn read(
    bytes: &Bytes,
    archive: &Directory<'_>,
    folder: &str,
    file: usize,
) -> Result<Vec<ZippedTensor>, ModelError> {
    check_order(bytes, archive, folder)?;
    let what = format!("{} (its {PICKLE})", bytes.name());
    let entry = archive.find(&format!("{folder}{PICKLE}"));
    let entry = entry.ok_or_else(|| malformed(bytes, 0, "it has no pickle"))?;
    let raw = archive.read_all(entry, PICKLE_BYTES_MAX)?;
    let saved = pickle::read(&what, &raw)?;
    saved.iter().map(|saved| place(bytes, archive, folder, saved, file)).collect()
}

/// Numbers are little-endian where nothing is said, as torch reads them.
fn check_order(bytes: &Bytes, archive: &Directory<'_>, folder: &str) -> Result<(), ModelError> {
    let Some(entry) = archive.find(&format!("{folder}byteorder")) else { return Ok(()) };
    let order = archive.read_all(entry, BYTE_ORDER_BYTES_MAX)?;
    if order == b"little" {
        return Ok(());
    }
    Err(ModelError::Unsupported {
        what: format!("{} in another byte order", bytes.name()),
        why: "only little-endian files are read; save the weights as safetensors".to_owned(),
    })
}

/// Where a tensor lies in the file.
fn place(
    bytes: &Bytes,
    archive: &Directory<'_>,
    folder: &str,
    saved: &Saved<'_>,
    file: usize,
) -> Result<ZippedTensor, ModelError> {
    let name = label(saved.name);
    let key = format!("{folder}data/{}", saved.key);
    let entry = archive.find(&key).ok_or_else(|| {
        malformed(bytes, 0, &format!("the archive has no `{}` for tensor `{name}`", label(&key)))
    })?;
    let start = archive.start(entry)?;
    let outside = || malformed(bytes, start, &format!("tensor `{name}` is not in its storage"));
    let size = saved.dtype.size();
    let count = saved.shape.iter().try_fold(1_u64, |count, &axis| count.checked_mul(axis as u64));
    let len = count.and_then(|count| count.checked_mul(size)).ok_or_else(outside)?;
    let offset = saved.offset.checked_mul(size).ok_or_else(outside)?;
    let is_dense = len == 0 || is_dense(saved);
    // What does not lie side by side is refused when it is asked for.
    if is_dense && offset.checked_add(len).is_none_or(|end| end > entry.size) {
        return Err(outside());
    }
    let dtype = saved.dtype.name();
    let dtype = if is_dense {
        dtype.to_owned()
    } else {
        format!("{dtype} with strides {:?}", saved.strides)
    };
    let (name, shape) = (saved.name.to_owned(), saved.shape.clone());
    // An empty tensor may say that it begins anywhere.
    Ok(ZippedTensor { name, dtype, shape, file, offset: start.saturating_add(offset), bytes: len })
}

/// Whether the values lie side by side, the last axis fastest. The stride of an axis of 1 is never
/// used.
fn is_dense(saved: &Saved<'_>) -> bool {
    let mut expected = 1_u64;
    saved.shape.iter().zip(&saved.strides).rev().all(|(&axis, &stride)| {
        let fits = axis == 1 || stride == expected;
        expected = expected.saturating_mul(axis as u64);
        fits
    })
}
