//! Qwen3 (2025): every head of queries and keys is normalised before it is turned.

use super::Architecture;
use super::base::{self, bias, set_biases};
use super::qwen2::slide_upper;
use crate::blueprint::{Bias, Blueprint};
use crate::gguf::GgufFile;
use crate::{HfConfig, ModelError};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: Some("qwen3"),
    family: ("qwen3", "Qwen3ForCausalLM"),
    from_gguf,
    from_config,
};

fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let mut blueprint = base::from_gguf(file)?;
    normalise_heads(&mut blueprint);
    Ok(blueprint)
}

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let mut blueprint = base::from_config(config)?;
    let attention = bias(config.attention_bias);
    set_biases(&mut blueprint, attention, attention, Bias::Absent);
    slide_upper(&mut blueprint, config)?;
    normalise_heads(&mut blueprint);
    Ok(blueprint)
}

fn normalise_heads(blueprint: &mut Blueprint) {
    for layer in &mut blueprint.layers {
        layer.attention.head_norms = true;
    }
}
