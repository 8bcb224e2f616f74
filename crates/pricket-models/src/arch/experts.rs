//! What configs and metadata say of experts.

use super::keys::Keys;
use crate::blueprint::{Blueprint, ExpertsPlan, GroupsPlan, LayerPart, Scoring};
use crate::gguf::GgufFile;
use crate::limits::{EXPERTS_MAX, WIDTH_MAX};
use crate::{HfConfig, ModelError, TensorSource};

/// A size of a config from 1 to `max` that must be there.
pub(super) fn size(
    config: &HfConfig,
    name: &str,
    given: Option<u64>,
    max: u64,
) -> Result<usize, ModelError> {
    match given {
        // Every limit fits an address.
        Some(value) if (1..=max).contains(&value) => Ok(value as usize),
        Some(value) => {
            Err(config.wrong(format!("`{name}` must be from 1 to {max}, but is {value}")))
        }
        None => Err(config.wrong(format!("`{name}` is missing"))),
    }
}

/// How many experts there are and how many a token takes, and their width; the first and the last
/// with their names.
pub(super) fn from_config(
    config: &HfConfig,
    (count_name, count): (&str, Option<u64>),
    chosen: Option<u64>,
    (width_name, width): (&str, Option<u64>),
) -> Result<ExpertsPlan, ModelError> {
    let count = size(config, count_name, count, EXPERTS_MAX)?;
    let chosen = size(config, "num_experts_per_tok", chosen, EXPERTS_MAX)?;
    Ok(ExpertsPlan::softmax(count, chosen, size(config, width_name, width, WIDTH_MAX)?))
}

/// The same of a GGUF file, and how the experts are chosen, where it says; where it does not say
/// whether scores are divided by their sum, `renormalised` does.
pub(super) fn from_gguf(
    file: &GgufFile,
    keys: &Keys<'_>,
    renormalised: bool,
) -> Result<ExpertsPlan, ModelError> {
    let width = match keys.optional("expert_feed_forward_length", WIDTH_MAX)? {
        Some(width) => width,
        None => keys.number("feed_forward_length", WIDTH_MAX)?,
    };
    let count = keys.number("expert_count", EXPERTS_MAX)?;
    let chosen = keys.number("expert_used_count", EXPERTS_MAX)?;
    let mut plan = ExpertsPlan::softmax(count, chosen, width);
    plan.renormalised = keys.find::<bool>("expert_weights_norm")?.unwrap_or(renormalised);
    plan.scale = keys.positive("expert_weights_scale")?.unwrap_or(1.0);
    plan.scoring = match keys.find::<u64>("expert_gating_func")? {
        // Files from before the key have routers with softmax.
        None | Some(0 | 1) => Scoring::Softmax,
        Some(2) => Scoring::Sigmoid,
        // Softmax of the chosen alone, which is that of all divided by the sum of the chosen.
        Some(3) => {
            plan.renormalised = true;
            Scoring::Softmax
        }
        Some(other) => {
            return Err(ModelError::Unsupported {
                what: format!("`{}` = {other}", keys.key("expert_gating_func")),
                why: "known are 1 (softmax), 2 (sigmoid) and 3 (softmax of the chosen)".to_owned(),
            });
        }
    };
    let best = if plan.scoring == Scoring::Sigmoid { 2 } else { 1 };
    if let Some(count) = keys.optional("expert_group_count", EXPERTS_MAX)?.filter(|n| *n > 1) {
        let chosen = keys.number("expert_group_used_count", EXPERTS_MAX)?;
        plan.groups = Some(GroupsPlan { count, chosen, best });
    }
    // All layers with experts have it, or none.
    plan.selection_bias = file.names().any(|name| name.ends_with(".exp_probs_b.bias"));
    Ok(plan)
}

/// Gives experts to some layers, and shared ones of the width `shared` beside them.
pub(super) fn give(
    blueprint: &mut Blueprint,
    plan: &ExpertsPlan,
    shared: usize,
    has_experts: impl Fn(usize) -> bool,
) {
    for (index, layer) in blueprint.layers.iter_mut().enumerate() {
        if has_experts(index) {
            layer.ffn.width = shared;
            layer.ffn.experts = Some(plan.clone());
        }
    }
}

/// The same for the layers of a GGUF file that it has no other feed-forward layer for.
pub(super) fn give_where_stored(
    blueprint: &mut Blueprint,
    plan: &ExpertsPlan,
    shared: usize,
    file: &GgufFile,
) {
    let names = blueprint.names;
    let is_dense = |layer| file.has(&names.layer(layer, LayerPart::Gate, "weight"));
    give(blueprint, plan, shared, |layer| !is_dense(layer));
}
