//! Mixtral (Jiang et al. 2024): a Mistral whose every layer has experts. Its GGUF files call
//! themselves `llama` and name how many.

use serde::Deserialize;

use super::{Architecture, experts, llama, mistral};
use crate::blueprint::{Blueprint, LayerPart};
use crate::{HfConfig, ModelError};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: None,
    family: ("mixtral", "MixtralForCausalLM"),
    from_gguf: llama::ARCHITECTURE.from_gguf,
    from_config,
};

#[derive(Deserialize)]
struct Mixture {
    num_local_experts: Option<u64>,
    num_experts_per_tok: Option<u64>,
}

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let said: Mixture = config.family()?;
    let mut blueprint = (mistral::ARCHITECTURE.from_config)(config)?;
    blueprint.names.other = &[
        (LayerPart::Router, "block_sparse_moe.gate"),
        (LayerPart::ExpertGate(0), "block_sparse_moe.experts.{}.w1"),
        (LayerPart::ExpertUp(0), "block_sparse_moe.experts.{}.w3"),
        (LayerPart::ExpertDown(0), "block_sparse_moe.experts.{}.w2"),
    ];
    let width = ("intermediate_size", Some(config.intermediate_size as u64));
    let count = ("num_local_experts", said.num_local_experts);
    let plan = experts::from_config(config, count, said.num_experts_per_tok, width)?;
    experts::give(&mut blueprint, &plan, 0, |_| true);
    Ok(blueprint)
}
