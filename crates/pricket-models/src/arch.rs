//! Architectures: each a mapping from a config or from metadata to a blueprint.

mod llama;

use crate::blueprint::Blueprint;
use crate::gguf::GgufFile;
use crate::{HfConfig, ModelError};

/// The architectures that a GGUF file may name.
const GGUF_KNOWN: [&str; 1] = ["llama"];

/// The families (`model_type`) that a `config.json` may name.
const FAMILIES_KNOWN: [&str; 1] = ["llama"];

/// The classes (`architectures`) that it may name.
const CLASSES_KNOWN: [&str; 1] = ["LlamaForCausalLM"];

/// Whether a GGUF file of this architecture runs.
pub(crate) fn runs_gguf(architecture: &str) -> bool {
    GGUF_KNOWN.contains(&architecture)
}

/// Refuses a checkpoint whose `model_type` does not run.
///
/// # Errors
/// [`ModelError::ArchitectureUnsupported`] lists the families that are known.
pub(crate) fn check_family(model_type: &str) -> Result<(), ModelError> {
    if FAMILIES_KNOWN.contains(&model_type) {
        return Ok(());
    }
    Err(unsupported(model_type, &FAMILIES_KNOWN))
}

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
    match (config.model_type.as_str(), config.architecture()) {
        ("llama", None | Some("LlamaForCausalLM")) => llama::from_config(config),
        ("llama", Some(other)) => Err(unsupported(other, &CLASSES_KNOWN)),
        (other, _) => Err(unsupported(other, &FAMILIES_KNOWN)),
    }
}

fn unsupported(name: &str, known: &[&str]) -> ModelError {
    ModelError::ArchitectureUnsupported {
        name: crate::tensor_source::label(name),
        known: known.join(", "),
    }
}
