//! Qwen2 and Qwen2.5 (Yang et al. 2024): queries, keys and values have biases.

use serde::Deserialize;

use super::Architecture;
use super::base::{self, set_biases, slide};
use crate::blueprint::{Bias, Blueprint};
use crate::gguf::GgufFile;
use crate::{HfConfig, ModelError};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: Some("qwen2"),
    family: ("qwen2", "Qwen2ForCausalLM"),
    from_gguf,
    from_config,
};

/// From which layer on there are windows where the config does not say.
const MAX_WINDOW_LAYERS_DEFAULT: usize = 28;

#[derive(Deserialize)]
struct Windows {
    use_sliding_window: Option<bool>,
    max_window_layers: Option<usize>,
}

fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let mut blueprint = base::from_gguf(file)?;
    set_biases(&mut blueprint, Bias::Required, Bias::Absent, Bias::Absent);
    Ok(blueprint)
}

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let mut blueprint = base::from_config(config)?;
    set_biases(&mut blueprint, Bias::Required, Bias::Absent, Bias::Absent);
    slide_upper(&mut blueprint, config)?;
    Ok(blueprint)
}

/// Gives the upper layers a window where the config wants any: a width alone changes nothing.
pub(super) fn slide_upper(blueprint: &mut Blueprint, config: &HfConfig) -> Result<(), ModelError> {
    let windows: Windows = config.family()?;
    if windows.use_sliding_window != Some(true) {
        return Ok(());
    }
    let first = windows.max_window_layers.unwrap_or(MAX_WINDOW_LAYERS_DEFAULT);
    slide(blueprint, config, |layer| layer >= first)
}
