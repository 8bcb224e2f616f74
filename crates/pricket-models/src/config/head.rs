//! What can be said of any checkpoint's `config.json`, known architecture or not.

use std::path::Path;

use serde::Deserialize;

use super::raw;
use crate::ModelError;
use crate::limits::CONFIG_BYTES_MAX;
use crate::tensor_source::Bytes;

/// The fields that nearly all architectures share. Multimodal checkpoints nest them.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ConfigHead {
    pub(crate) model_type: Option<String>,
    architectures: Option<Vec<String>>,
    #[serde(rename = "_name_or_path")]
    pub(crate) name: Option<String>,
    pub(crate) hidden_size: Option<u64>,
    pub(crate) num_hidden_layers: Option<u64>,
    pub(crate) num_attention_heads: Option<u64>,
    pub(crate) num_key_value_heads: Option<u64>,
    pub(crate) head_dim: Option<u64>,
    pub(crate) vocab_size: Option<u64>,
    pub(crate) max_position_embeddings: Option<u64>,
    /// Present where attention is latent (`DeepSeek`): what is cached is then not what the heads
    /// tell.
    pub(crate) kv_lora_rank: Option<u64>,
    pub(crate) qk_rope_head_dim: Option<u64>,
    text_config: Option<Box<ConfigHead>>,
}

impl ConfigHead {
    /// Reads the head of a `config.json`; of its text part where that is nested.
    pub(crate) fn read(path: &Path) -> Result<Self, ModelError> {
        Self::from_json(path, &Bytes::open(path)?.read_all(CONFIG_BYTES_MAX)?)
    }

    /// The same for JSON in memory; `path` is what messages call it.
    pub(crate) fn from_json(path: &Path, json: &[u8]) -> Result<Self, ModelError> {
        let head: Self = raw::parse(path, json)?;
        match head.text_config {
            Some(text) => {
                let model_type = head.model_type.or(text.model_type);
                let architectures = head.architectures.or(text.architectures);
                let name = head.name.or(text.name);
                Ok(Self { model_type, architectures, name, text_config: None, ..*text })
            }
            None => Ok(head),
        }
    }

    /// The class that the makers name first, such as `LlamaForCausalLM`.
    pub(crate) fn class(&self) -> Option<&str> {
        self.architectures.as_ref()?.first().map(String::as_str)
    }
}
