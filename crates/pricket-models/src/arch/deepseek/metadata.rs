//! The same out of GGUF files, which call all of them `deepseek2`.
//!
//! There are files of two kinds. Older ones hold one matrix that makes keys and values, and name
//! the widths of heads; newer ones hold the two apart, the first transposed, and name the widths of
//! what is cached, with the heads' own behind `_mla`. Rows are as in the checkpoint: what tells
//! positions is turned in pairs side by side.

use pricket_simd::RopePairing;

use super::experts::give_by_metadata;
use super::{LATENT_NORM_EPS, attend_by_latent};
use crate::ModelError;
use crate::arch::base;
use crate::arch::keys::Keys;
use crate::blueprint::{Blueprint, GGUF_NAMES, LatentPlan, LayerPart, TensorNames};
use crate::gguf::GgufFile;
use crate::limits::WIDTH_MAX;

const PARTS: &[(LayerPart, &str)] = &[
    (LayerPart::QueryDown, "attn_q_a"),
    (LayerPart::QueryNorm, "attn_q_a_norm"),
    (LayerPart::Query, "attn_q_b"),
    (LayerPart::Line, "attn_kv_a_mqa"),
    (LayerPart::KeyNorm, "attn_kv_a_norm"),
    (LayerPart::HeadBoth, "attn_kv_b"),
    (LayerPart::HeadKeys, "attn_k_b"),
    (LayerPart::HeadValues, "attn_v_b"),
];

const PARTS_OF_PLAIN_QUERIES: &[(LayerPart, &str)] = &[
    (LayerPart::Line, "attn_kv_a_mqa"),
    (LayerPart::KeyNorm, "attn_kv_a_norm"),
    (LayerPart::HeadBoth, "attn_kv_b"),
    (LayerPart::HeadKeys, "attn_k_b"),
    (LayerPart::HeadValues, "attn_v_b"),
];

pub(super) fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let keys = Keys::of(file)?;
    let mut blueprint = base::with_any_values(file)?;
    let latent = latent(&keys)?;
    for rope in &mut blueprint.ropes {
        rope.pairing = RopePairing::Interleaved;
        // The files have no weight for it, and what is computed of them takes it for one.
        rope.magnitude = 1.0;
        if rope.pairs() * 2 != latent.turned {
            let why = format!("turns {} values of {}", rope.pairs() * 2, latent.turned);
            return Err(keys.wrong("rope.dimension_count", why));
        }
    }
    attend_by_latent(&mut blueprint, latent, sharpened(&keys)?);
    let parts = if latent.query_rank.is_some() { PARTS } else { PARTS_OF_PLAIN_QUERIES };
    blueprint.names = TensorNames { other: parts, ..GGUF_NAMES };
    give_by_metadata(&mut blueprint, &keys, file)?;
    Ok(blueprint)
}

fn latent(keys: &Keys<'_>) -> Result<LatentPlan, ModelError> {
    let width = |own: &str, older: &str| match keys.optional(own, WIDTH_MAX)? {
        Some(width) => Ok(width),
        None => keys.number(older, WIDTH_MAX),
    };
    let query = width("attention.key_length_mla", "attention.key_length")?;
    let turned = keys.number("rope.dimension_count", WIDTH_MAX)?;
    let plain = query.checked_sub(turned).filter(|plain| *plain > 0).ok_or_else(|| {
        keys.wrong("rope.dimension_count", format!("is {turned}, but a head has {query} values"))
    })?;
    Ok(LatentPlan {
        norm_eps: LATENT_NORM_EPS,
        query_rank: keys.optional("attention.q_lora_rank", WIDTH_MAX)?,
        rank: keys.number("attention.kv_lora_rank", WIDTH_MAX)?,
        plain,
        turned,
        value: width("attention.value_length_mla", "attention.value_length")?,
    })
}

/// What scores are multiplied with where the context was stretched. The key is the weight of the
/// factor's logarithm, a tenth of what a config names.
fn sharpened(keys: &Keys<'_>) -> Result<f32, ModelError> {
    let factor = keys.positive("rope.scaling.factor")?.unwrap_or(1.0).max(1.0);
    let weight = keys.positive("rope.scaling.yarn_log_multiplier")?.unwrap_or(0.0);
    Ok((1.0 + weight * factor.ln()).powi(2))
}
