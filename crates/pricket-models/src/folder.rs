//! A checkpoint folder as transformers writes it: config and weights, opened together.

use std::path::{Path, PathBuf};

use crate::{HfConfig, ModelError, Safetensors, TensorSource, TextAssets};

/// A folder with a `config.json` and safetensors files.
#[derive(Debug)]
pub(crate) struct HfFolder {
    path: PathBuf,
    config: HfConfig,
    tensors: Safetensors,
}

impl HfFolder {
    pub(crate) fn open(path: &Path) -> Result<Self, ModelError> {
        let config = HfConfig::read(&path.join("config.json"))?;
        Ok(Self { path: path.to_owned(), config, tensors: Safetensors::open(path)? })
    }

    pub(crate) fn config(&self) -> &HfConfig {
        &self.config
    }

    pub(crate) fn tensors(&self) -> &dyn TensorSource {
        &self.tensors
    }

    pub(crate) fn text_assets(&self) -> Result<TextAssets, ModelError> {
        TextAssets::from_folder(&self.path, &self.config)
    }
}
