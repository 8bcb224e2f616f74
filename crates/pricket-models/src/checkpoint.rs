//! The weights beside a `config.json`, in whichever format they are.

use std::path::Path;

use crate::safetensors::StoredAs;
use crate::zipped::Writer;
use crate::{ModelError, ModelFormat, Safetensors, TensorSource, ZippedTensors};

/// Weights, of which the headers have been read.
#[derive(Debug)]
pub(crate) enum Checkpoint {
    Safetensors(Safetensors),
    Zipped(ZippedTensors),
}

impl Checkpoint {
    /// The weights of a folder, safetensors first; or those in a file.
    ///
    /// # Errors
    /// As [`Safetensors::open`], or as [`ZippedTensors::open`] where there is no safetensors file.
    pub(crate) fn at(path: &Path) -> Result<Self, ModelError> {
        // What the parent of a bare file name is called.
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let is_zipped = if path.is_dir() {
            !Safetensors::are_in(path) && ZippedTensors::are_in(path)
        } else {
            ZippedTensors::is_named(path)
        };
        if is_zipped {
            return ZippedTensors::open(path).map(Self::Zipped);
        }
        Safetensors::open(path).map(Self::Safetensors)
    }

    pub(crate) fn source(&self) -> &dyn TensorSource {
        match self {
            Self::Safetensors(files) => files,
            Self::Zipped(files) => files,
        }
    }

    pub(crate) fn into_source(self) -> Box<dyn TensorSource> {
        match self {
            Self::Safetensors(files) => Box::new(files),
            Self::Zipped(files) => Box::new(files),
        }
    }

    pub(crate) fn format(&self) -> ModelFormat {
        match self {
            Self::Safetensors(_) => ModelFormat::Safetensors,
            Self::Zipped(files) => match files.writer() {
                Writer::Torch => ModelFormat::Torch,
                Writer::Numpy => ModelFormat::Numpy,
            },
        }
    }

    /// How many files there are.
    pub(crate) fn files(&self) -> usize {
        match self {
            Self::Safetensors(files) => files.paths().count(),
            Self::Zipped(files) => files.files(),
        }
    }

    /// The size of all files in bytes.
    pub(crate) fn file_bytes(&self) -> u64 {
        match self {
            Self::Safetensors(files) => files.file_bytes(),
            Self::Zipped(files) => files.file_bytes(),
        }
    }

    /// How the weights are stored.
    pub(crate) fn stored(&self) -> Box<dyn Iterator<Item = StoredAs<'_>> + '_> {
        match self {
            Self::Safetensors(files) => Box::new(files.stored()),
            Self::Zipped(files) => Box::new(files.stored()),
        }
    }
}
