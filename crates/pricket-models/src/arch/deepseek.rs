//! DeepSeek-V2 and V3 (DeepSeek-AI 2024), and what was built as they are: R1, Moonlight, Kimi-K2
//! and the text part of Kimi-K2.5. Attention is latent; all layers but the first ones have experts.

mod experts;
mod metadata;

use pricket_simd::RopePairing;
use serde::Deserialize;

use self::experts::{Defaults, SECOND, THIRD};
use super::Architecture;
use super::base::{self, bias, set_biases};
use crate::blueprint::{Bias, Blueprint, HF_NAMES, LatentPlan, LayerPart, TensorNames};
use crate::limits::{LAYERS_MAX, WIDTH_MAX};
use crate::rope::{self, yarn_magnitude};
use crate::{HfConfig, ModelError, RopeConfig, RopeScaling};

const V3_CLASS: &str = "DeepseekV3ForCausalLM";

pub(super) const V2: Architecture = Architecture {
    gguf: Some("deepseek2"),
    family: ("deepseek_v2", "DeepseekV2ForCausalLM"),
    from_gguf: metadata::from_gguf,
    from_config: from_v2,
};

pub(super) const V3: Architecture = Architecture {
    gguf: None,
    family: ("deepseek_v3", V3_CLASS),
    from_gguf: metadata::from_gguf,
    from_config: from_v3,
};

pub(super) const KIMI_K2: Architecture = Architecture { family: ("kimi_k2", V3_CLASS), ..V3 };

pub(super) const KIMI_K25: Architecture = Architecture {
    family: ("kimi_k25", "KimiK25ForConditionalGeneration"),
    from_config: from_k25,
    ..V3
};

/// What the norms of the latents add to the mean square. The makers' own code does not take what a
/// config says of the others for these; files of Moonlight and of Kimi-K2.5 say 1e-5.
const LATENT_NORM_EPS: f32 = 1e-6;

/// What stands for the names that other decoders have.
const PARTS: &[(LayerPart, &str)] = &[
    (LayerPart::QueryDown, "self_attn.q_a_proj"),
    (LayerPart::QueryNorm, "self_attn.q_a_layernorm"),
    (LayerPart::Query, "self_attn.q_b_proj"),
    (LayerPart::Line, "self_attn.kv_a_proj_with_mqa"),
    (LayerPart::KeyNorm, "self_attn.kv_a_layernorm"),
    (LayerPart::HeadBoth, "self_attn.kv_b_proj"),
    (LayerPart::HeadKeys, "self_attn.k_b_proj"),
    (LayerPart::HeadValues, "self_attn.v_b_proj"),
];

/// The same where queries come from no latent.
const PARTS_OF_PLAIN_QUERIES: &[(LayerPart, &str)] = &[
    (LayerPart::Line, "self_attn.kv_a_proj_with_mqa"),
    (LayerPart::KeyNorm, "self_attn.kv_a_layernorm"),
    (LayerPart::HeadBoth, "self_attn.kv_b_proj"),
    (LayerPart::HeadKeys, "self_attn.k_b_proj"),
    (LayerPart::HeadValues, "self_attn.v_b_proj"),
];

/// The decoder of a checkpoint that also sees pictures.
const NESTED_NAMES: TensorNames = TensorNames {
    embedding: "language_model.model.embed_tokens.weight",
    final_norm: "language_model.model.norm.weight",
    head: "language_model.lm_head.weight",
    layer: ("language_model.model.layers.", "."),
    ..HF_NAMES
};

/// How the names of what sees them begin.
const OF_PICTURES: [&str; 3] = ["vision_tower.", "mm_projector.", "multi_modal_projector."];

#[derive(Deserialize)]
struct Family {
    q_lora_rank: Option<u64>,
    kv_lora_rank: Option<u64>,
    qk_nope_head_dim: Option<u64>,
    qk_rope_head_dim: Option<u64>,
    v_head_dim: Option<u64>,
    rope_interleave: Option<bool>,
    num_nextn_predict_layers: Option<u64>,
}

fn from_v2(config: &HfConfig) -> Result<Blueprint, ModelError> {
    from_config(config, HF_NAMES, SECOND)
}

fn from_v3(config: &HfConfig) -> Result<Blueprint, ModelError> {
    from_config(config, HF_NAMES, THIRD)
}

fn from_k25(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let mut blueprint = from_config(config, NESTED_NAMES, THIRD)?;
    blueprint.skipped.extend(OF_PICTURES.map(str::to_owned));
    Ok(blueprint)
}

fn from_config(
    config: &HfConfig,
    names: TensorNames,
    defaults: Defaults,
) -> Result<Blueprint, ModelError> {
    let family: Family = config.family()?;
    let mut blueprint = base::from_config(config)?;
    let latent = latent(config, &family)?;
    if config.num_key_value_heads != config.num_attention_heads {
        return Err(config.wrong("latent attention has as many key-value heads as query heads"));
    }
    let pairing = match family.rope_interleave {
        Some(false) => RopePairing::Half,
        _ => RopePairing::Interleaved,
    };
    blueprint.ropes = vec![rope::plan(&config.rope, latent.turned, pairing)?];
    attend_by_latent(&mut blueprint, latent, sharpened(&config.rope));
    let bias = bias(config.attention_bias);
    set_biases(&mut blueprint, bias, bias, Bias::Absent);
    let parts = if latent.query_rank.is_some() { PARTS } else { PARTS_OF_PLAIN_QUERIES };
    blueprint.names = TensorNames { other: parts, ..names };
    blueprint.skipped = later_layers(config, &blueprint, &family)?;
    experts::give(&mut blueprint, config, defaults)?;
    Ok(blueprint)
}

fn latent(config: &HfConfig, family: &Family) -> Result<LatentPlan, ModelError> {
    let size = |name: &str, given: Option<u64>| config.size(name, given, WIDTH_MAX);
    let query_rank = family.q_lora_rank;
    Ok(LatentPlan {
        norm_eps: LATENT_NORM_EPS,
        query_rank: query_rank.map(|_| size("q_lora_rank", query_rank)).transpose()?,
        rank: size("kv_lora_rank", family.kv_lora_rank)?,
        plain: size("qk_nope_head_dim", family.qk_nope_head_dim)?,
        turned: size("qk_rope_head_dim", family.qk_rope_head_dim)?,
        value: size("v_head_dim", family.v_head_dim)?,
    })
}

/// What `YaRN` multiplies scores with: by so much less even are they where the context is longer.
fn sharpened(rope: &RopeConfig) -> f32 {
    match rope.scaling {
        RopeScaling::Yarn { factor, mscale_all_dim: Some(weight), .. } => {
            yarn_magnitude(factor, weight).powi(2)
        }
        _ => 1.0,
    }
}

/// Makes every layer attend by a latent, scores multiplied with `sharpened` besides.
fn attend_by_latent(blueprint: &mut Blueprint, latent: LatentPlan, sharpened: f32) {
    for layer in &mut blueprint.layers {
        let attention = &mut layer.attention;
        attention.kv_heads = 1;
        attention.head_dim = latent.plain + latent.turned;
        attention.scale = sharpened / (attention.head_dim as f32).sqrt();
        attention.latent = Some(latent);
    }
}

/// How the tensors begin of the layers behind the last, which predict several tokens ahead. A
/// decoder that predicts one token does without them.
fn later_layers(
    config: &HfConfig,
    b: &Blueprint,
    family: &Family,
) -> Result<Vec<String>, ModelError> {
    let count = match family.num_nextn_predict_layers {
        None | Some(0) => 0,
        given => config.size("num_nextn_predict_layers", given, LAYERS_MAX)?,
    };
    let first = b.layers.len();
    let (before, behind) = b.names.layer;
    Ok((first..first + count).map(|layer| format!("{before}{layer}{behind}")).collect())
}
