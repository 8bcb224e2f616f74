//! gpt-oss (`OpenAI` 2025): experts with biases in every layer, whose gate is bounded; a window in
//! every second layer; a sink in the softmax of every head.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::base::{self, bias, set_biases, slide};
use super::keys::Keys;
use super::{Architecture, experts};
use crate::blueprint::{Bias, Blueprint, ExpertsPlan, Gating, LayerPart};
use crate::gguf::GgufFile;
use crate::limits::CONTEXT_MAX;
use crate::rope;
use crate::{Activation, HfConfig, ModelError, RopeConfig, RopeScaling};
use pricket_simd::RopePairing;

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: Some("gpt-oss"),
    family: ("gpt_oss", "GptOssForCausalLM"),
    from_gguf,
    from_config,
};

/// What transformers takes where a config names none. For the first three GGUF files have no key.
const ALPHA: f32 = 1.702;
const LIMIT: f32 = 7.0;
/// One layer of so many attends to everything: the last of each round.
const ROUND: usize = 2;
const WINDOW: usize = 128;
const NORM_EPS: f32 = 1e-5;
const THETA: f32 = 150_000.0;
const EXPERTS: u64 = 128;
const CHOSEN: u64 = 4;

/// How the published models are stretched: the borders of the blend are no whole pairs.
const STRETCHED: RopeScaling = RopeScaling::Yarn {
    factor: 32.0,
    beta_fast: 32.0,
    beta_slow: 1.0,
    truncate: false,
    attention_factor: None,
    mscale: None,
    mscale_all_dim: None,
    original_max_position_embeddings: 4_096,
};

/// What only these configs say, and what they leave out where others would not.
#[derive(Deserialize)]
struct GptOss {
    attention_bias: Option<bool>,
    rms_norm_eps: Option<f32>,
    num_local_experts: Option<u64>,
    num_experts_per_tok: Option<u64>,
    swiglu_alpha: Option<f32>,
    swiglu_limit: Option<f32>,
    rope_theta: Option<IgnoredAny>,
    rope_scaling: Option<IgnoredAny>,
    rope_parameters: Option<IgnoredAny>,
}

fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let keys = Keys::of(file)?;
    let mut blueprint = base::from_gguf(file)?;
    let head_dim = blueprint.widest(|layer| layer.attention.head_dim);
    blueprint.ropes = vec![base::gguf_rope(file, &keys, head_dim, false)?];
    let window = keys.optional("attention.sliding_window", CONTEXT_MAX)?.unwrap_or(WINDOW);
    for (index, layer) in blueprint.layers.iter_mut().enumerate() {
        layer.attention.window = slides(index).then_some(window);
    }
    // What the other files call the norm behind attention stands before the experts here.
    blueprint.names.other = &[(LayerPart::FfnNorm, "post_attention_norm")];
    let plan = experts::from_gguf(file, &keys, true)?;
    set_biases(&mut blueprint, Bias::Optional, Bias::Optional, Bias::Required);
    complete(&mut blueprint, plan, Gating::Bounded { alpha: ALPHA, limit: LIMIT });
    Ok(blueprint)
}

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let said: GptOss = config.family()?;
    if config.activation != Activation::Silu {
        return Err(ModelError::Unsupported {
            what: "a gpt-oss with another activation".to_owned(),
            why: "its gate is a bounded `silu`".to_owned(),
        });
    }
    let mut blueprint = base::from_config(config)?;
    blueprint.norm_eps = said.rms_norm_eps.unwrap_or(NORM_EPS);
    if said.rope_parameters.is_none() {
        let RopeConfig { theta, scaling, .. } = &config.rope;
        let rope = RopeConfig {
            theta: if said.rope_theta.is_some() { *theta } else { THETA },
            scaling: if said.rope_scaling.is_some() { scaling.clone() } else { STRETCHED },
            ..config.rope.clone()
        };
        blueprint.ropes = vec![rope::plan(&rope, config.head_dim, RopePairing::Half)?];
    }
    slide(&mut blueprint, config, slides)?;
    blueprint.names.other = &[
        (LayerPart::Router, "mlp.router"),
        (LayerPart::ExpertBoth, "mlp.experts.gate_up_proj"),
        (LayerPart::ExpertGate(0), "mlp.experts.gate_proj"),
        (LayerPart::ExpertUp(0), "mlp.experts.up_proj"),
        (LayerPart::ExpertDown(0), "mlp.experts.down_proj"),
    ];
    let count = ("num_local_experts", said.num_local_experts.or(Some(EXPERTS)));
    let width = ("intermediate_size", Some(config.intermediate_size as u64));
    let chosen = said.num_experts_per_tok.or(Some(CHOSEN));
    let plan = experts::from_config(config, count, chosen, width)?;
    let attention = bias(said.attention_bias.unwrap_or(true));
    set_biases(&mut blueprint, attention, attention, Bias::Required);
    let gating = Gating::Bounded {
        alpha: said.swiglu_alpha.unwrap_or(ALPHA),
        limit: said.swiglu_limit.unwrap_or(LIMIT),
    };
    complete(&mut blueprint, plan, gating);
    Ok(blueprint)
}

/// Which layers have a window, where nothing says so: all but the last of each round.
fn slides(layer: usize) -> bool {
    !(layer + 1).is_multiple_of(ROUND)
}

fn complete(blueprint: &mut Blueprint, mut plan: ExpertsPlan, gating: Gating) {
    plan.router_bias = Bias::Required;
    experts::give(blueprint, &plan, 0, |_| true);
    for layer in &mut blueprint.layers {
        layer.attention.sinks = true;
        layer.ffn.gating = gating;
    }
}
