//! Gemma 3 (2025): as Gemma 2 without bounds, every head of queries and keys normalised, and two
//! ropes: five layers of six have a window, and a rope that was not stretched.

use serde::Deserialize;

use super::Architecture;
use super::base::slide;
use super::gemma2::{base_from_config, base_from_gguf};
use super::keys::Keys;
use crate::blueprint::Blueprint;
use crate::gguf::GgufFile;
use crate::limits::CONTEXT_MAX;
use crate::{HfConfig, ModelError, RopeConfig, RopeScaling, rope};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: Some("gemma3"),
    family: ("gemma3_text", "Gemma3ForCausalLM"),
    from_gguf,
    from_config,
};

/// One layer of so many attends to everything: the last of each round.
const ROUND: usize = 6;

/// The base of the frequencies of layers with a window, where a file names none.
const LOCAL_THETA: f32 = 10_000.0;

/// As for Gemma 2.
const LAYERS_OF_27B: usize = 62;

#[derive(Deserialize)]
struct Windows {
    sliding_window_pattern: Option<usize>,
    #[serde(rename = "_sliding_window_pattern")]
    inner_pattern: Option<usize>,
    final_logit_softcapping: Option<f32>,
    attn_logit_softcapping: Option<f32>,
}

fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let keys = Keys::of(file)?;
    let window = keys.optional("attention.sliding_window", CONTEXT_MAX)?;
    let mut blueprint = base_from_gguf(file, window, ROUND, LAYERS_OF_27B)?;
    blueprint.logit_cap = keys.positive("final_logit_softcapping")?;
    let theta = keys.positive("rope.freq_base_swa")?.unwrap_or(LOCAL_THETA);
    turn_locally(&mut blueprint, theta)?;
    Ok(blueprint)
}

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let windows: Windows = config.family()?;
    let mut blueprint = base_from_config(config)?;
    let round = windows.sliding_window_pattern.or(windows.inner_pattern).unwrap_or(ROUND);
    slide(&mut blueprint, config, |layer| round == 0 || !(layer + 1).is_multiple_of(round))?;
    blueprint.logit_cap = windows.final_logit_softcapping;
    for layer in &mut blueprint.layers {
        layer.attention.cap = windows.attn_logit_softcapping;
    }
    let theta = config.rope_local.as_ref().map_or(LOCAL_THETA, |local| local.theta);
    turn_locally(&mut blueprint, theta)?;
    Ok(blueprint)
}

/// Gives layers with a window their own rope, and normalises every head.
fn turn_locally(blueprint: &mut Blueprint, theta: f32) -> Result<(), ModelError> {
    let head_dim = blueprint.widest(|layer| layer.attention.head_dim);
    let Some(global) = blueprint.ropes.first() else { return Ok(()) };
    let local = RopeConfig { theta, partial_rotary_factor: 1.0, scaling: RopeScaling::None };
    let local = rope::plan(&local, head_dim, global.pairing)?;
    let place = blueprint.ropes.len();
    blueprint.ropes.push(local);
    for layer in &mut blueprint.layers {
        layer.attention.head_norms = true;
        if layer.attention.window.is_some() {
            layer.attention.rope = Some(place);
        }
    }
    Ok(())
}
