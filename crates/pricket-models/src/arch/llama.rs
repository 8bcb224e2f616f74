//! The Llama family (Touvron et al. 2023): Llama 1 to 3.x, SmolLM2 and all that share their form.

use pricket_simd::RopePairing;

use crate::blueprint::{Blueprint, GGUF_NAMES, HF_NAMES, RopePlan};

use crate::gguf::GgufFile;
use crate::limits::{CONTEXT_MAX, HEADS_MAX, LAYERS_MAX, VOCABULARY_MAX, WIDTH_MAX};
use crate::rope::frequencies;
use crate::{HfConfig, ModelError, RopeScaling, TensorSource};

/// Reads `llama.*` metadata. The converter that wrote the file permuted the rows of queries and
/// keys so that the values of a pair lie side by side.
pub(super) fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let meta = file.metadata();
    let number = |key: &str, max: u64| -> Result<usize, ModelError> {
        let key = format!("llama.{key}");
        bounded(&key, meta.require::<u64>(&key)?, max)
    };
    let hidden = number("embedding_length", WIDTH_MAX)?;
    let heads = number("attention.head_count", HEADS_MAX)?;
    let kv_heads = match meta.find::<u64>("llama.attention.head_count_kv")? {
        Some(count) => bounded("llama.attention.head_count_kv", count, HEADS_MAX)?,
        None => heads,
    };
    let head_dim = match meta.find::<u64>("llama.attention.key_length")? {
        Some(length) => bounded("llama.attention.key_length", length, WIDTH_MAX)?,
        None => hidden / heads,
    };
    for key in ["llama.attention.value_length", "llama.rope.dimension_count"] {
        if let Some(found) = meta.find::<u64>(key)?
            && found != head_dim as u64
        {
            return Err(ModelError::Unsupported {
                what: format!("`{key}` = {found}"),
                why: format!("only the width of a head, {head_dim}, is"),
            });
        }
    }
    let vocab = match meta.find::<u64>("llama.vocab_size")? {
        Some(size) => bounded("llama.vocab_size", size, VOCABULARY_MAX)?,
        None => rows(file, GGUF_NAMES.embedding)?,
    };
    check(Blueprint {
        architecture: "llama".to_owned(),
        name: meta.find::<&str>("general.name")?.map(str::to_owned),
        hidden,
        layers: number("block_count", LAYERS_MAX)?,
        heads,
        kv_heads,
        head_dim,
        ffn: number("feed_forward_length", WIDTH_MAX)?,
        vocab,
        context: number("context_length", CONTEXT_MAX)?,
        norm_eps: meta.require::<f32>("llama.attention.layer_norm_rms_epsilon")?,
        rope: gguf_rope(file, head_dim)?,
        names: GGUF_NAMES,
        tied: None,
    })
}

fn gguf_rope(file: &GgufFile, head_dim: usize) -> Result<RopePlan, ModelError> {
    let meta = file.metadata();
    let theta = meta.find::<f32>("llama.rope.freq_base")?.unwrap_or(10_000.0);
    let factor = meta.find::<f32>("llama.rope.scaling.factor")?.unwrap_or(1.0);
    let scaling = match meta.find::<&str>("llama.rope.scaling.type")? {
        None | Some("none") => RopeScaling::None,
        Some("linear") if factor > 0.0 => RopeScaling::Linear { factor },
        Some(other) => {
            return Err(ModelError::Unsupported {
                what: format!("rope scaling `{other}` with factor {factor}"),
                why: "none and linear are supported".to_owned(),
            });
        }
    };
    let mut inv_freq = frequencies(theta, head_dim, scaling);
    // The converter writes Llama 3.1's stretching as a divisor for each pair.
    if file.has("rope_freqs.weight") {
        let divisors = crate::decoder::load_vector(file, "rope_freqs.weight", inv_freq.len())?;
        for (freq, divisor) in inv_freq.iter_mut().zip(divisors) {
            *freq /= divisor;
        }
    }
    Ok(RopePlan { inv_freq, pairing: RopePairing::Interleaved })
}

/// Reads a `config.json`.
pub(super) fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    check(Blueprint {
        architecture: config.model_type.clone(),
        name: None,
        hidden: config.hidden_size,
        layers: config.num_hidden_layers,
        heads: config.num_attention_heads,
        kv_heads: config.num_key_value_heads,
        head_dim: config.head_dim,
        ffn: config.intermediate_size,
        vocab: config.vocab_size,
        context: config.max_position_embeddings,
        norm_eps: config.rms_norm_eps,
        rope: RopePlan {
            inv_freq: frequencies(config.rope.theta, config.head_dim, config.rope.scaling),
            pairing: RopePairing::Half,
        },
        names: HF_NAMES,
        tied: Some(config.tie_word_embeddings),
    })
}

/// What every llama must be, whatever file it came from.
fn check(blueprint: Blueprint) -> Result<Blueprint, ModelError> {
    let b = &blueprint;
    let wrong = if !b.heads.is_multiple_of(b.kv_heads) {
        Some(format!("{} query heads cannot share {} key-value heads", b.heads, b.kv_heads))
    } else if !b.head_dim.is_multiple_of(2) || b.head_dim == 0 {
        Some(format!("heads of width {} have no pairs to rotate", b.head_dim))
    } else if !(b.norm_eps > 0.0 && b.norm_eps < 1.0) {
        Some(format!("the norm's epsilon is {}", b.norm_eps))
    } else if b.rope.inv_freq.iter().any(|freq| !freq.is_finite()) {
        Some("the rope's frequencies are not finite".to_owned())
    } else {
        None
    };
    match wrong {
        Some(why) => Err(ModelError::Unsupported { what: "this llama".to_owned(), why }),
        None => Ok(blueprint),
    }
}

fn bounded(key: &str, value: u64, max: u64) -> Result<usize, ModelError> {
    if value == 0 || value > max {
        return Err(ModelError::Metadata {
            key: key.to_owned(),
            why: format!("is {value}, but must be between 1 and {max}"),
        });
    }
    Ok(value as usize)
}

fn rows(source: &dyn TensorSource, name: &str) -> Result<usize, ModelError> {
    let info = source.info(name)?;
    info.shape.first().copied().ok_or_else(|| ModelError::TensorShape {
        tensor: info.name,
        expected: vec![0, 0],
        found: Vec::new(),
    })
}
