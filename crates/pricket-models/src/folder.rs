//! A checkpoint folder as transformers writes it.

use std::path::{Path, PathBuf};

use crate::{HfConfig, ModelError, Safetensors, TensorSource, TextAssets};

const CONFIG: &str = "config.json";

/// A folder with a `config.json` that has been checked, and weights whose headers have been read.
#[derive(Debug)]
pub(crate) struct HfFolder {
    path: PathBuf,
    config: HfConfig,
    tensors: Safetensors,
}

impl HfFolder {
    /// Reads the config, then the headers of the weights.
    pub(crate) fn open(path: &Path) -> Result<Self, ModelError> {
        let config = HfConfig::read(&path.join(CONFIG))?;
        Ok(Self { path: path.to_owned(), config, tensors: Safetensors::open(path)? })
    }

    /// The config.
    pub(crate) fn config(&self) -> &HfConfig {
        &self.config
    }

    /// The weights.
    pub(crate) fn tensors(&self) -> &dyn TensorSource {
        &self.tensors
    }

    /// What the folder says about text.
    pub(crate) fn text_assets(&self) -> Result<TextAssets, ModelError> {
        TextAssets::from_folder(&self.path, &self.config)
    }
}
