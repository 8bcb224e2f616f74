//! A checkpoint folder as transformers writes it: config and weights, opened together.

use std::path::{Path, PathBuf};

use crate::checkpoint::Checkpoint;
use crate::config::ConfigHead;
use crate::limits::CONFIG_BYTES_MAX;
use crate::tensor_source::Bytes;
use crate::{HfConfig, ModelError, TensorSource, TextAssets, arch, encoder};

/// A folder with a `config.json` and weights.
#[derive(Debug)]
pub(crate) struct HfFolder {
    path: PathBuf,
    config: HfConfig,
    tensors: Checkpoint,
}

impl HfFolder {
    /// Opens a folder; `weights` is it again, or a file of weights in it.
    pub(crate) fn open(path: &Path, weights: &Path) -> Result<Self, ModelError> {
        let file = path.join("config.json");
        let json = Bytes::open(&file)?.read_all(CONFIG_BYTES_MAX)?;
        // The family first: what another family's config says would be refused for the wrong
        // reason.
        let head = ConfigHead::from_json(&file, &json)?;
        if let Some(family) = &head.model_type {
            if encoder::runs(family) {
                return Err(encoder::encodes(family));
            }
            arch::check(family, head.class())?;
        }
        let config = HfConfig::from_json(&file, &json)?;
        Ok(Self { path: path.to_owned(), config, tensors: Checkpoint::at(weights)? })
    }

    pub(crate) fn config(&self) -> &HfConfig {
        &self.config
    }

    pub(crate) fn tensors(&self) -> &dyn TensorSource {
        self.tensors.source()
    }

    pub(crate) fn text_assets(&self) -> Result<TextAssets, ModelError> {
        TextAssets::from_folder(&self.path, &self.config)
    }
}
