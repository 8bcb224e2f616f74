//! Architectures: each a mapping from a config or from metadata to a blueprint.

mod llama;

use crate::blueprint::Blueprint;
use crate::gguf::GgufFile;
use crate::{HfConfig, ModelError};

/// The architectures that a GGUF file may name.
const GGUF_KNOWN: [&str; 1] = ["llama"];

/// The architectures that a `config.json` may name.
const HF_KNOWN: [&str; 1] = ["LlamaForCausalLM"];

/// The blueprint of a GGUF file.
///
/// # Errors
/// [`ModelError::ArchitectureUnsupported`] lists the architectures that are known.
pub(crate) fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    match file.architecture()? {
        "llama" => llama::from_gguf(file),
        other => Err(unsupported(other, &GGUF_KNOWN)),
    }
}

/// The blueprint of a folder with a `config.json`.
///
/// # Errors
/// [`ModelError::ArchitectureUnsupported`] lists the architectures that are known.
pub(crate) fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    match config.architecture() {
        "LlamaForCausalLM" => llama::from_config(config),
        other => Err(unsupported(other, &HF_KNOWN)),
    }
}

fn unsupported(name: &str, known: &[&str]) -> ModelError {
    ModelError::ArchitectureUnsupported {
        name: crate::tensor_source::label(name),
        known: known.join(", "),
    }
}
