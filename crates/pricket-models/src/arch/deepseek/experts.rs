//! Their experts: what configs and metadata say of routers.

use serde::Deserialize;

use crate::arch::experts;
use crate::arch::keys::Keys;
use crate::blueprint::{Blueprint, GroupsPlan, Scoring};
use crate::gguf::GgufFile;
use crate::limits::{EXPERTS_MAX, WIDTH_MAX};
use crate::tensor_source::label;
use crate::{HfConfig, ModelError};

/// What a family's router does where the config does not say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    pub(super) scoring: Scoring,
    /// Whether a bias is added for the choice.
    pub(super) selection_bias: bool,
    pub(super) renormalised: bool,
}

/// Of the second generation: the best by softmax, as they are.
pub(super) const SECOND: Defaults =
    Defaults { scoring: Scoring::Softmax, selection_bias: false, renormalised: false };

/// Of the third.
pub(super) const THIRD: Defaults =
    Defaults { scoring: Scoring::Sigmoid, selection_bias: true, renormalised: true };

#[derive(Deserialize)]
struct Said {
    #[serde(alias = "num_local_experts")]
    n_routed_experts: Option<u64>,
    n_shared_experts: Option<u64>,
    num_experts_per_tok: Option<u64>,
    moe_intermediate_size: Option<u64>,
    first_k_dense_replace: Option<u64>,
    moe_layer_freq: Option<u64>,
    scoring_func: Option<String>,
    topk_method: Option<String>,
    n_group: Option<u64>,
    topk_group: Option<u64>,
    norm_topk_prob: Option<bool>,
    routed_scaling_factor: Option<f32>,
}

/// Gives experts to the layers that have them by a config.
pub(super) fn give(
    blueprint: &mut Blueprint,
    config: &HfConfig,
    defaults: Defaults,
) -> Result<(), ModelError> {
    let said: Said = config.family()?;
    let first = said.first_k_dense_replace.unwrap_or(0);
    let step = said.moe_layer_freq.unwrap_or(1);
    let has_experts = |layer: usize| layer as u64 >= first && (layer as u64).is_multiple_of(step);
    if said.n_routed_experts.is_none() || !(0..blueprint.layers.len()).any(has_experts) {
        return Ok(());
    }
    let width = ("moe_intermediate_size", said.moe_intermediate_size);
    let count = ("n_routed_experts", said.n_routed_experts);
    let mut plan = experts::from_config(config, count, said.num_experts_per_tok, width)?;
    plan.scoring = scoring(said.scoring_func.as_deref(), defaults)?;
    let (is_biased, best) = method(&said, plan.scoring, defaults)?;
    plan.selection_bias = is_biased;
    plan.renormalised = said.norm_topk_prob.unwrap_or(defaults.renormalised);
    plan.scale = said.routed_scaling_factor.unwrap_or(1.0);
    let is_scaled = said.routed_scaling_factor.is_some_and(|scale| (scale - 1.0).abs() > 0.0);
    if plan.renormalised && plan.scoring == Scoring::Softmax && is_scaled {
        // The code that came with the second generation normalises and does not scale, that of
        // transformers scales and does not normalise, and later generations do both.
        return Err(ModelError::Unsupported {
            what: "`norm_topk_prob` with `routed_scaling_factor` and softmax".to_owned(),
            why: "the makers' code takes the first alone, that of transformers the second alone"
                .to_owned(),
        });
    }
    if let Some(best) = best {
        let chosen = config.size("topk_group", said.topk_group.or(said.n_group), EXPERTS_MAX)?;
        let count = config.size("n_group", said.n_group, EXPERTS_MAX)?;
        plan.groups = Some(GroupsPlan { count, chosen, best });
    }
    let shared = match said.n_shared_experts {
        None | Some(0) => 0,
        given => config.size("n_shared_experts", given, EXPERTS_MAX)? * plan.width,
    };
    if shared as u64 > WIDTH_MAX {
        return Err(config.wrong(format!("the shared experts are {shared} wide together")));
    }
    experts::give(blueprint, &plan, shared, has_experts);
    Ok(())
}

fn scoring(said: Option<&str>, defaults: Defaults) -> Result<Scoring, ModelError> {
    match said {
        None => Ok(defaults.scoring),
        Some("softmax") => Ok(Scoring::Softmax),
        Some("sigmoid") => Ok(Scoring::Sigmoid),
        Some(other) => Err(ModelError::Unsupported {
            what: format!("`scoring_func` `{}`", label(other)),
            why: "softmax and sigmoid are known".to_owned(),
        }),
    }
}

/// Whether a bias is added for the choice, and, where groups are chosen first, of how many of its
/// best scores a group's own is the sum.
fn method(
    said: &Said,
    scoring: Scoring,
    defaults: Defaults,
) -> Result<(bool, Option<usize>), ModelError> {
    let has_groups = said.n_group.is_some_and(|count| count > 1);
    match said.topk_method.as_deref() {
        None => {
            let best = if scoring == Scoring::Sigmoid { 2 } else { 1 };
            let by_groups = has_groups && defaults.selection_bias;
            Ok((defaults.selection_bias, by_groups.then_some(best)))
        }
        Some("greedy") => Ok((false, None)),
        Some("group_limited_greedy") => Ok((false, has_groups.then_some(1))),
        Some("noaux_tc") => Ok((true, has_groups.then_some(2))),
        Some(other) => Err(ModelError::Unsupported {
            what: format!("`topk_method` `{}`", label(other)),
            why: "greedy, group_limited_greedy and noaux_tc are known".to_owned(),
        }),
    }
}

/// The same by the metadata of a GGUF file.
pub(super) fn give_by_metadata(
    blueprint: &mut Blueprint,
    keys: &Keys<'_>,
    file: &GgufFile,
) -> Result<(), ModelError> {
    let dense = keys.find::<u64>("leading_dense_block_count")?.unwrap_or(0);
    let count = keys.find::<u64>("expert_count")?.unwrap_or(0);
    if count == 0 || dense >= blueprint.layers.len() as u64 {
        return Ok(());
    }
    let plan = experts::from_gguf(file, keys, false)?;
    let shared = keys.find::<u64>("expert_shared_count")?.unwrap_or(0);
    let shared = shared.saturating_mul(plan.width as u64);
    if shared > WIDTH_MAX {
        let why = format!("makes them {shared} wide together");
        return Err(keys.wrong("expert_shared_count", why));
    }
    experts::give(blueprint, &plan, shared as usize, |layer| layer as u64 >= dense);
    Ok(())
}
