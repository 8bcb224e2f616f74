//! Qwen3 with experts (2025): as Qwen3, and most layers have experts.

use serde::Deserialize;

use super::keys::Keys;
use super::{Architecture, experts, qwen3};
use crate::blueprint::Blueprint;
use crate::gguf::GgufFile;
use crate::{HfConfig, ModelError};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: Some("qwen3moe"),
    family: ("qwen3_moe", "Qwen3MoeForCausalLM"),
    from_gguf,
    from_config,
};

/// What configs of Qwen's families with experts say of these.
#[derive(Deserialize)]
pub(super) struct Mixture {
    /// The newer layout has the other name.
    #[serde(alias = "num_local_experts")]
    pub(super) num_experts: Option<u64>,
    pub(super) num_experts_per_tok: Option<u64>,
    pub(super) moe_intermediate_size: Option<u64>,
    pub(super) norm_topk_prob: Option<bool>,
    decoder_sparse_step: Option<u64>,
    mlp_only_layers: Option<Vec<usize>>,
}

impl Mixture {
    /// Whether a layer has experts: every so many-th one has, but for those that are named.
    pub(super) fn in_layer(&self, layer: usize) -> bool {
        let step = self.decoder_sparse_step.unwrap_or(1);
        let named = self.mlp_only_layers.as_ref().is_some_and(|layers| layers.contains(&layer));
        !named && (layer as u64 + 1).is_multiple_of(step)
    }
}

/// Where nothing says whether scores are divided by their sum, they are.
fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let mut blueprint = (qwen3::ARCHITECTURE.from_gguf)(file)?;
    let plan = experts::from_gguf(file, &Keys::of(file)?, true)?;
    experts::give_where_stored(&mut blueprint, &plan, 0, file);
    Ok(blueprint)
}

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let said: Mixture = config.family()?;
    let mut blueprint = (qwen3::ARCHITECTURE.from_config)(config)?;
    let width = ("moe_intermediate_size", said.moe_intermediate_size);
    let count = ("num_experts", said.num_experts);
    let mut plan = experts::from_config(config, count, said.num_experts_per_tok, width)?;
    plan.renormalised = said.norm_topk_prob.unwrap_or(false);
    experts::give(&mut blueprint, &plan, 0, |layer| said.in_layer(layer));
    Ok(blueprint)
}
