//! Nomic's BERT, in the layout of its makers and in that of transformers 5.

use pricket_simd::RopePairing;

use super::Config;
use crate::ModelError;
use crate::encoder::blueprint::{Activation, EncoderBlueprint, Family, Positions, Task};
use crate::limits::{CONTEXT_MAX, LAYERS_MAX, VOCABULARY_MAX, WIDTH_MAX};
use crate::tensor_source::label;

/// The blueprint of a config of this family.
pub(super) fn blueprint(config: &Config<'_>, task: Task) -> Result<EncoderBlueprint, ModelError> {
    let raw = &config.raw;
    let hidden =
        config.size(&[("hidden_size", raw.hidden_size), ("n_embd", raw.n_embd)], WIDTH_MAX)?;
    let heads = [("num_attention_heads", raw.num_attention_heads), ("n_head", raw.n_head)];
    let heads = config.heads(&heads, hidden)?;
    for (what, found) in [
        ("a norm in front of each half of a layer", raw.prenorm),
        ("parallel halves of a layer", raw.parallel_block),
        ("norms of root mean squares", raw.use_rms_norm),
        ("a causal mask", raw.causal),
    ] {
        config.refuse(what, found == Some(true))?;
    }
    config.refuse("experts", raw.num_experts.is_some_and(|count| count > 1))?;
    config.refuse("scaled rotations", raw.rotary_scaling_factor.is_some())?;
    let head_dim = hidden / heads;
    config.refuse("heads of another width", raw.head_dim.is_some_and(|d| d != head_dim as u64))?;
    let positions = [
        ("max_position_embeddings", raw.max_position_embeddings),
        ("n_positions", raw.n_positions),
    ];
    let layers = [("num_hidden_layers", raw.num_hidden_layers), ("n_layer", raw.n_layer)];
    let ffn = [("intermediate_size", raw.intermediate_size), ("n_inner", raw.n_inner)];
    Ok(EncoderBlueprint {
        architecture: String::new(),
        name: None,
        family: Family::Nomic,
        task,
        vocab: config.size(&[("vocab_size", raw.vocab_size)], VOCABULARY_MAX)?,
        types: config.size(&[("type_vocab_size", raw.type_vocab_size)], VOCABULARY_MAX)?,
        positions: rotation(config, head_dim)?,
        tokens_max: config.size(&positions, CONTEXT_MAX)?,
        hidden,
        layers: config.size(&layers, LAYERS_MAX)?,
        heads,
        ffn: config.size(&ffn, WIDTH_MAX)?,
        activation: activation(config)?,
        norm_eps: config.eps(raw.layer_norm_eps.or(raw.layer_norm_epsilon))?,
    })
}

/// Only the gated layer is run: Nomic's published models have no other.
fn activation(config: &Config<'_>) -> Result<Activation, ModelError> {
    let raw = &config.raw;
    match raw.hidden_act.as_deref().or(raw.activation_function.as_deref()) {
        Some("silu" | "swiglu") => Ok(Activation::SiluGated),
        other => Err(ModelError::Unsupported {
            what: format!("activation `{}`", label(other.unwrap_or_default())),
            why: "this family runs with swiglu (`silu` in transformers' layout)".to_owned(),
        }),
    }
}

fn rotation(config: &Config<'_>, head_dim: usize) -> Result<Positions, ModelError> {
    let raw = &config.raw;
    let rope = raw.rope_parameters.as_ref();
    let kind = rope.and_then(|rope| rope.rope_type.as_deref()).unwrap_or("default");
    config.refuse("scaled rotations", kind != "default")?;
    // Both layouts' own default.
    let base = rope.and_then(|rope| rope.rope_theta).or(raw.rotary_emb_base).unwrap_or(1000.0);
    let base = base as f32;
    if !(base.is_finite() && base > 0.0) {
        return Err(config.wrong(format!("the rotations' base must be above 0, but is {base}")));
    }
    let fraction = raw.rotary_emb_fraction.unwrap_or(1.0);
    let dims = (head_dim as f64 * fraction) as usize;
    if !(fraction > 0.0 && fraction <= 1.0 && dims >= 2 && dims.is_multiple_of(2)) {
        return Err(config.wrong(format!(
            "rotations turn {dims} of {head_dim} numbers of a head, but it must be an even \
             number from 2 on"
        )));
    }
    let interleaved = raw.rotary_emb_interleaved == Some(true);
    let pairing = if interleaved { RopePairing::Interleaved } else { RopePairing::Half };
    Ok(Positions::Rotary { base, dims, pairing })
}
