//! SmolLM3 (2025): a Llama in which some layers know no positions (Yang et al. 2025).

use serde::Deserialize;

use super::base::{self, bias, set_biases, slide};
use super::{Architecture, llama};
use crate::blueprint::Blueprint;
use crate::gguf::GgufFile;
use crate::{HfConfig, ModelError};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: Some("smollm3"),
    family: ("smollm3", "SmolLM3ForCausalLM"),
    from_gguf,
    from_config,
};

/// Every so manieth layer has no rope where the config does not say; its GGUF files do not.
const INTERVAL_DEFAULT: usize = 4;

#[derive(Deserialize)]
struct Positions {
    /// For each layer 1 where it has a rope and 0 where it has none.
    no_rope_layers: Option<Vec<u8>>,
    no_rope_layer_interval: Option<usize>,
    use_sliding_window: Option<bool>,
    tie_word_embeddings: Option<bool>,
}

/// The converter permuted the rows of queries and keys as that of a Llama does.
fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let mut blueprint = (llama::ARCHITECTURE.from_gguf)(file)?;
    leave_out(&mut blueprint, |layer| (layer + 1).is_multiple_of(INTERVAL_DEFAULT));
    Ok(blueprint)
}

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let positions: Positions = config.family()?;
    let mut blueprint = base::from_config(config)?;
    let attention = bias(config.attention_bias);
    set_biases(&mut blueprint, attention, attention, bias(config.mlp_bias));
    blueprint.tied = Some(positions.tie_word_embeddings.unwrap_or(true));
    let interval = positions.no_rope_layer_interval.unwrap_or(INTERVAL_DEFAULT);
    let listed = positions.no_rope_layers;
    if let Some(list) = &listed
        && list.len() != blueprint.layers.len()
    {
        return Err(config.wrong(format!(
            "`no_rope_layers` has {} values, but there are {} layers",
            list.len(),
            blueprint.layers.len()
        )));
    }
    let is_bare = |layer: usize| match &listed {
        Some(list) => list.get(layer) == Some(&0),
        None => interval > 0 && (layer + 1).is_multiple_of(interval),
    };
    leave_out(&mut blueprint, is_bare);
    if positions.use_sliding_window == Some(true) {
        slide(&mut blueprint, config, |layer| config.sliding_window.is_some() && is_bare(layer))?;
    }
    Ok(blueprint)
}

/// Takes the rope out of layers by their number.
fn leave_out(blueprint: &mut Blueprint, is_bare: impl Fn(usize) -> bool) {
    for (index, layer) in blueprint.layers.iter_mut().enumerate() {
        if is_bare(index) {
            layer.attention.rope = None;
        }
    }
}
