//! JSON files beside the weights.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::ModelError;
use crate::tensor_source::Bytes;

/// Reads a file of at most `max` bytes; what is wrong with it is told with its path.
pub(super) fn read<T: DeserializeOwned>(path: &Path, max: u64) -> Result<T, ModelError> {
    parse(path, &Bytes::open(path)?.read_all(max)?)
}

/// The same for a file that may be absent.
pub(super) fn read_if_there<T: DeserializeOwned>(
    path: &Path,
    max: u64,
) -> Result<Option<T>, ModelError> {
    if path.exists() { read(path, max).map(Some) } else { Ok(None) }
}

/// JSON in memory; `path` is what messages call it.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, json: &[u8]) -> Result<T, ModelError> {
    serde_json::from_slice(json).map_err(|error| wrong(path, error.to_string()))
}

/// The error of a file that says something wrong.
pub(super) fn wrong(path: &Path, why: impl Into<String>) -> ModelError {
    ModelError::Config { path: path.to_owned(), why: why.into() }
}
