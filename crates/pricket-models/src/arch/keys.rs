//! An architecture's keys in a GGUF file.

use crate::ModelError;
use crate::gguf::{FromGguf, GgufFile};

/// Reads keys by what stands behind the architecture's name.
pub(super) struct Keys<'a> {
    file: &'a GgufFile,
    architecture: &'a str,
}

impl<'a> Keys<'a> {
    pub(super) fn of(file: &'a GgufFile) -> Result<Self, ModelError> {
        Ok(Self { file, architecture: file.architecture()? })
    }

    /// The whole key.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    /// A value that may be absent.
    pub(super) fn find<T: FromGguf<'a>>(&self, key: &str) -> Result<Option<T>, ModelError> {
        self.file.metadata().find(&self.key(key))
    }

    /// A size from 1 to `max` that must be there.
    pub(super) fn number(&self, key: &str, max: u64) -> Result<usize, ModelError> {
        let value = self.file.metadata().require::<u64>(&self.key(key))?;
        self.bounded(key, value, max)
    }

    /// A size from 1 to `max` that may be absent.
    pub(super) fn optional(&self, key: &str, max: u64) -> Result<Option<usize>, ModelError> {
        self.find::<u64>(key)?.map(|value| self.bounded(key, value, max)).transpose()
    }

    /// A finite number above 0 that may be absent.
    pub(super) fn positive(&self, key: &str) -> Result<Option<f32>, ModelError> {
        match self.find::<f32>(key)? {
            Some(value) if !(value.is_finite() && value > 0.0) => {
                Err(self.wrong(key, format!("is {value}, but must be above 0")))
            }
            value => Ok(value),
        }
    }

    /// The error of a value that is wrong.
    pub(super) fn wrong(&self, key: &str, why: String) -> ModelError {
        ModelError::Metadata { key: self.key(key), why }
    }

    fn bounded(&self, key: &str, value: u64, max: u64) -> Result<usize, ModelError> {
        if value == 0 || value > max {
            return Err(self.wrong(key, format!("is {value}, but must be between 1 and {max}")));
        }
        Ok(value as usize)
    }
}
