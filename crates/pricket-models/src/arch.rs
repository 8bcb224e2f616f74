//! Architectures: each a mapping from a config or from metadata to a blueprint.

mod llama;

use crate::blueprint::Blueprint;
use crate::gguf::GgufFile;
use crate::{HfConfig, ModelError};

/// The architectures that a GGUF file may name.
const GGUF_KNOWN: [&str; 1] = ["llama"];

/// What a `config.json` may name: families (`model_type`), each with the class (`architectures`)
/// that runs. The family's other classes (bare encoders, reward models) have other heads.
const FAMILIES: [(&str, &str); 1] = [("llama", "LlamaForCausalLM")];

/// Whether a GGUF file of this architecture runs.
pub(crate) fn runs_gguf(architecture: &str) -> bool {
    GGUF_KNOWN.contains(&architecture)
}

/// Refuses a checkpoint whose `model_type` does not run, or whose class (the first of its
/// `architectures`, where it names any) is not the one that does.
///
/// # Errors
/// [`ModelError::ArchitectureUnsupported`] lists what is known.
pub(crate) fn check(model_type: &str, class: Option<&str>) -> Result<(), ModelError> {
    let Some((_, runs)) = FAMILIES.iter().find(|(family, _)| *family == model_type) else {
        return Err(unsupported(model_type, &FAMILIES.map(|(family, _)| family)));
    };
    match class {
        Some(other) if other != *runs => Err(unsupported(other, &[*runs])),
        _ => Ok(()),
    }
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
/// As [`check`].
pub(crate) fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    check(&config.model_type, config.architecture())?;
    llama::from_config(config)
}

fn unsupported(name: &str, known: &[&str]) -> ModelError {
    ModelError::ArchitectureUnsupported {
        name: crate::tensor_source::label(name),
        known: known.join(", "),
    }
}
