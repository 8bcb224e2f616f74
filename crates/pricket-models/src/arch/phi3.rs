//! Phi-3, Phi-3.5 and Phi-4 (Abdin et al. 2024): queries, keys and values in one matrix, gate and
//! up in another; the larger ones turn a part of each head, and long contexts by other frequencies.

use super::Architecture;
use super::base::{self, slide};
use super::keys::Keys;
use crate::blueprint::{Blueprint, LayerPart, LongRope};
use crate::config::long_attention_factor;
use crate::gguf::GgufFile;
use crate::limits::CONTEXT_MAX;
use crate::rope::divided;
use crate::{HfConfig, ModelError, TensorSource};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: Some("phi3"),
    family: ("phi3", "Phi3ForCausalLM"),
    from_gguf,
    from_config,
};

/// The divisors of the frequencies for short and for long contexts.
const FACTORS: [&str; 2] = ["rope_factors_short.weight", "rope_factors_long.weight"];

fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let keys = Keys::of(file)?;
    let mut blueprint = base::from_gguf(file)?;
    blueprint.names.other = &[
        (LayerPart::Query, "attn_qkv"),
        (LayerPart::Key, "attn_qkv"),
        (LayerPart::Value, "attn_qkv"),
        (LayerPart::Gate, "ffn_up"),
    ];
    let window = keys.find::<u64>("attention.sliding_window")?.filter(|width| *width > 0);
    for layer in &mut blueprint.layers {
        layer.attention.window = window.map(|width| width.min(CONTEXT_MAX) as usize);
    }
    if FACTORS.iter().all(|name| file.has(name)) {
        let original = keys.number("rope.scaling.original_context_length", CONTEXT_MAX)?;
        let ratio = blueprint.context as f32 / original as f32;
        let magnitude = keys.positive("rope.scaling.attn_factor")?;
        for rope in &mut blueprint.ropes {
            let plain = rope.inv_freq.clone();
            let read = |name| crate::decoder::load_vector(file, name, plain.len());
            let [short, long] = FACTORS.map(read);
            rope.inv_freq = divided(&plain, &short?)?;
            rope.long = Some(LongRope { inv_freq: divided(&plain, &long?)?, beyond: original });
            rope.magnitude = magnitude.unwrap_or_else(|| long_attention_factor(ratio, original));
        }
    }
    Ok(blueprint)
}

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let mut blueprint = base::from_config(config)?;
    blueprint.names.other = &[
        (LayerPart::Query, "self_attn.qkv_proj"),
        (LayerPart::Key, "self_attn.qkv_proj"),
        (LayerPart::Value, "self_attn.qkv_proj"),
        (LayerPart::Gate, "mlp.gate_up_proj"),
        (LayerPart::Up, "mlp.gate_up_proj"),
    ];
    slide(&mut blueprint, config, |_| config.sliding_window.is_some())?;
    Ok(blueprint)
}
