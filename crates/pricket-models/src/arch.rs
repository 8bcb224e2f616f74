//! Architectures: each a mapping from a config or from metadata to a blueprint.

mod base;
mod deepseek;
mod experts;
mod gemma2;
mod gemma3;
mod glm4;
mod gpt_oss;
mod keys;
mod llama;
mod mistral;
mod mixtral;
mod phi3;
mod qwen2;
mod qwen2_moe;
mod qwen3;
mod qwen3_moe;
mod smollm3;

use crate::blueprint::Blueprint;
use crate::gguf::GgufFile;
use crate::{HfConfig, ModelError};

/// A mapping and what files call it.
struct Architecture {
    /// The name in GGUF files, where these have one of its own.
    gguf: Option<&'static str>,
    /// The family in a `config.json` (`model_type`), and the class (`architectures`) that runs: the
    /// family's other classes (bare encoders, reward models) have other heads.
    family: (&'static str, &'static str),
    from_gguf: fn(&GgufFile) -> Result<Blueprint, ModelError>,
    from_config: fn(&HfConfig) -> Result<Blueprint, ModelError>,
}

/// Every architecture that runs.
const KNOWN: &[Architecture] = &[
    llama::ARCHITECTURE,
    mistral::ARCHITECTURE,
    qwen2::ARCHITECTURE,
    qwen3::ARCHITECTURE,
    smollm3::ARCHITECTURE,
    phi3::ARCHITECTURE,
    gemma2::ARCHITECTURE,
    gemma3::ARCHITECTURE,
    qwen3_moe::ARCHITECTURE,
    qwen2_moe::ARCHITECTURE,
    mixtral::ARCHITECTURE,
    glm4::ARCHITECTURE,
    gpt_oss::ARCHITECTURE,
    deepseek::V2,
    deepseek::V3,
    deepseek::KIMI_K2,
    deepseek::KIMI_K25,
];

/// Whether a GGUF file of this architecture runs.
pub(crate) fn runs_gguf(architecture: &str) -> bool {
    KNOWN.iter().any(|known| known.gguf == Some(architecture))
}

/// Refuses a checkpoint whose `model_type` does not run, or whose class (the first of its
/// `architectures`, where it names any) is not the one that does.
///
/// # Errors
/// [`ModelError::ArchitectureUnsupported`] lists what is known.
pub(crate) fn check(model_type: &str, class: Option<&str>) -> Result<(), ModelError> {
    let known = of_family(model_type)?;
    match class {
        Some(other) if other != known.family.1 => Err(unsupported(other, [known.family.1])),
        _ => Ok(()),
    }
}

/// The blueprint of a GGUF file.
///
/// # Errors
/// [`ModelError::ArchitectureUnsupported`] lists the architectures that are known; otherwise what
/// the metadata lacks, or says and this build does not run.
pub(crate) fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let name = file.architecture()?;
    let known = KNOWN.iter().find(|known| known.gguf == Some(name));
    let known =
        known.ok_or_else(|| unsupported(name, KNOWN.iter().filter_map(|known| known.gguf)))?;
    base::check((known.from_gguf)(file)?)
}

/// The blueprint of a folder with a `config.json`.
///
/// # Errors
/// As [`check`]; otherwise what the config says and this build does not run.
pub(crate) fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    check(&config.model_type, config.architecture())?;
    body_from_config(config)
}

/// The same for a folder whatever its class: of the model without its head.
///
/// # Errors
/// As [`from_config`], but for the class.
pub(crate) fn body_from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    base::check((of_family(&config.model_type)?.from_config)(config)?)
}

fn of_family(model_type: &str) -> Result<&'static Architecture, ModelError> {
    let known = KNOWN.iter().find(|known| known.family.0 == model_type);
    known.ok_or_else(|| unsupported(model_type, KNOWN.iter().map(|known| known.family.0)))
}

fn unsupported(name: &str, known: impl IntoIterator<Item = &'static str>) -> ModelError {
    let known: Vec<_> = known.into_iter().collect();
    ModelError::ArchitectureUnsupported {
        name: crate::tensor_source::label(name),
        known: known.join(", "),
    }
}
