//! Qwen2 with experts (Yang et al. 2024): beside the chosen ones stands a shared one, which each
//! row weighs by itself.

use serde::Deserialize;

use super::keys::Keys;
use super::qwen3_moe::Mixture;
use super::{Architecture, experts, qwen2};
use crate::blueprint::{Bias, Blueprint, LayerPart};
use crate::gguf::GgufFile;
use crate::limits::WIDTH_MAX;
use crate::{HfConfig, ModelError};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: Some("qwen2moe"),
    family: ("qwen2_moe", "Qwen2MoeForCausalLM"),
    from_gguf,
    from_config,
};

#[derive(Deserialize)]
struct Shared {
    shared_expert_intermediate_size: Option<u64>,
    qkv_bias: Option<bool>,
}

/// Where nothing says whether scores are divided by their sum, they are not.
fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let keys = Keys::of(file)?;
    let mut blueprint = (qwen2::ARCHITECTURE.from_gguf)(file)?;
    let mut plan = experts::from_gguf(file, &keys, false)?;
    plan.shared_scale = true;
    let shared = keys.number("expert_shared_feed_forward_length", WIDTH_MAX)?;
    experts::give_where_stored(&mut blueprint, &plan, shared, file);
    Ok(blueprint)
}

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let (said, beside): (Mixture, Shared) = (config.family()?, config.family()?);
    let mut blueprint = (qwen2::ARCHITECTURE.from_config)(config)?;
    if beside.qkv_bias == Some(false) {
        for layer in &mut blueprint.layers {
            layer.attention.bias = Bias::Absent;
        }
    }
    let width = ("moe_intermediate_size", said.moe_intermediate_size);
    let count = ("num_experts", said.num_experts);
    let mut plan = experts::from_config(config, count, said.num_experts_per_tok, width)?;
    plan.renormalised = said.norm_topk_prob.unwrap_or(false);
    plan.shared_scale = true;
    let shared = beside.shared_expert_intermediate_size;
    let shared = experts::size(config, "shared_expert_intermediate_size", shared, WIDTH_MAX)?;
    blueprint.names.other = &[
        (LayerPart::SharedGate, "mlp.shared_expert.gate_proj"),
        (LayerPart::SharedUp, "mlp.shared_expert.up_proj"),
        (LayerPart::SharedDown, "mlp.shared_expert.down_proj"),
        (LayerPart::SharedScale, "mlp.shared_expert_gate"),
    ];
    experts::give(&mut blueprint, &plan, shared, |layer| said.in_layer(layer));
    Ok(blueprint)
}
