//! Mistral (Jiang et al. 2023): a Llama whose every layer may have a window. Its GGUF files call
//! themselves `llama` and hold no window.

use super::base::{self, slide};
use super::{Architecture, llama};
use crate::blueprint::Blueprint;
use crate::{HfConfig, ModelError};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: None,
    family: ("mistral", "MistralForCausalLM"),
    from_gguf: llama::ARCHITECTURE.from_gguf,
    from_config,
};

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let mut blueprint = base::from_config(config)?;
    slide(&mut blueprint, config, |_| config.sliding_window.is_some())?;
    Ok(blueprint)
}
