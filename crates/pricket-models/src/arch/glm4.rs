//! GLM-4 (Zeng et al. 2024) in its form of 2025: norms stand before and behind attention and
//! feed-forward layer, gate and up in one matrix, and the first half of each head is turned, whose
//! neighbours are pairs.

use pricket_simd::RopePairing;
use serde::Deserialize;

use super::Architecture;
use super::base::{self, bias, set_biases};
use crate::blueprint::{Bias, Blueprint, LayerPart};
use crate::gguf::GgufFile;
use crate::{HfConfig, ModelError, RopeConfig, rope};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: Some("glm4"),
    family: ("glm4", "Glm4ForCausalLM"),
    from_gguf,
    from_config,
};

/// What transformers takes where a config names none.
const PARTIAL: f32 = 0.5;
const NORM_EPS: f32 = 1.562_5e-7;

#[derive(Deserialize)]
struct Glm {
    attention_bias: Option<bool>,
    rms_norm_eps: Option<f32>,
    partial_rotary_factor: Option<f32>,
    rope_parameters: Option<Turned>,
}

#[derive(Deserialize)]
struct Turned {
    partial_rotary_factor: Option<f32>,
}

fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let mut blueprint = base::from_gguf(file)?;
    set_biases(&mut blueprint, Bias::Optional, Bias::Absent, Bias::Absent);
    blueprint.names.other = &[(LayerPart::Gate, "ffn_up")];
    complete(&mut blueprint);
    Ok(blueprint)
}

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let glm: Glm = config.family()?;
    let mut blueprint = base::from_config(config)?;
    set_biases(
        &mut blueprint,
        bias(glm.attention_bias.unwrap_or(true)),
        Bias::Absent,
        Bias::Absent,
    );
    blueprint.norm_eps = glm.rms_norm_eps.unwrap_or(NORM_EPS);
    let said = glm.rope_parameters.and_then(|turned| turned.partial_rotary_factor);
    if said.or(glm.partial_rotary_factor).is_none() {
        let half = RopeConfig { partial_rotary_factor: PARTIAL, ..config.rope.clone() };
        blueprint.ropes = vec![rope::plan(&half, config.head_dim, RopePairing::Interleaved)?];
    }
    blueprint.names.other = &[
        (LayerPart::AttentionPostNorm, "post_self_attn_layernorm"),
        (LayerPart::Gate, "mlp.gate_up_proj"),
        (LayerPart::Up, "mlp.gate_up_proj"),
        (LayerPart::FfnPostNorm, "post_mlp_layernorm"),
    ];
    complete(&mut blueprint);
    Ok(blueprint)
}

fn complete(blueprint: &mut Blueprint) {
    for rope in &mut blueprint.ropes {
        rope.pairing = RopePairing::Interleaved;
    }
    for layer in &mut blueprint.layers {
        layer.post_norms = true;
    }
}
