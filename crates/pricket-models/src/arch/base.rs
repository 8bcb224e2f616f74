//! What all decoders share: the form of the first Llama, every layer alike. A mapping starts from
//! it and says what is different.

use pricket_simd::{GROUP_ROWS, RopePairing};

use super::keys::Keys;
use crate::blueprint::{
    AttentionPlan, Bias, Blueprint, FfnPlan, GGUF_NAMES, Gating, HF_NAMES, LatentPlan, LayerPlan,
    RopePlan,
};
use crate::gguf::GgufFile;
use crate::limits::{CONTEXT_MAX, EXPERTS_MAX, HEADS_MAX, LAYERS_MAX, VOCABULARY_MAX, WIDTH_MAX};
use crate::rope;
use crate::{Activation, HfConfig, LayerType, ModelError, RopeConfig, RopeScaling, TensorSource};

/// What transformers and llama.cpp take where a file names none.
const THETA_DEFAULT: f32 = 10_000.0;

/// Reads the config that decoders share: no biases, no windows, halves of a head for pairs.
pub(super) fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let layer = LayerPlan {
        attention: attention(
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
        ),
        ffn: FfnPlan {
            width: config.intermediate_size,
            gating: Gating::Plain(config.activation),
            bias: Bias::Absent,
            experts: None,
        },
        post_norms: false,
    };
    Ok(Blueprint {
        architecture: config.model_type.clone(),
        name: None,
        hidden: config.hidden_size,
        vocab: config.vocab_size,
        context: config.max_position_embeddings,
        norm_eps: config.rms_norm_eps,
        norm_offset: 0.0,
        embedding_scale: None,
        logit_cap: None,
        ropes: vec![rope::plan(&config.rope, config.head_dim, RopePairing::Half)?],
        layers: vec![layer; config.num_hidden_layers],
        names: HF_NAMES,
        tied: Some(config.tie_word_embeddings),
        skipped: Vec::new(),
    })
}

/// Reads the keys that decoders share: no biases, no windows, halves of a head for pairs.
pub(super) fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let blueprint = with_any_values(file)?;
    let keys = Keys::of(file)?;
    let head_dim = blueprint.widest(|layer| layer.attention.head_dim);
    if let Some(found) = keys.find::<u64>("attention.value_length")?
        && found != head_dim as u64
    {
        return Err(ModelError::Unsupported {
            what: format!("`{}` = {found}", keys.key("attention.value_length")),
            why: format!("only the width of a key, {head_dim}, is"),
        });
    }
    Ok(blueprint)
}

/// The same, whatever the width of values is.
pub(super) fn with_any_values(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let keys = Keys::of(file)?;
    let hidden = keys.number("embedding_length", WIDTH_MAX)?;
    let heads = keys.number("attention.head_count", HEADS_MAX)?;
    let kv_heads = keys.optional("attention.head_count_kv", HEADS_MAX)?.unwrap_or(heads);
    let head_dim = match keys.optional("attention.key_length", WIDTH_MAX)? {
        Some(length) => length,
        None => hidden / heads,
    };
    let vocab = match keys.optional("vocab_size", VOCABULARY_MAX)? {
        Some(size) => size,
        None => rows(file, GGUF_NAMES.embedding)?,
    };
    let layer = LayerPlan {
        attention: attention(heads, kv_heads, head_dim),
        ffn: FfnPlan {
            width: keys.number("feed_forward_length", WIDTH_MAX)?,
            gating: Gating::Plain(Activation::Silu),
            bias: Bias::Absent,
            experts: None,
        },
        post_norms: false,
    };
    let meta = file.metadata();
    Ok(Blueprint {
        architecture: file.architecture()?.to_owned(),
        name: meta.find::<&str>("general.name")?.map(str::to_owned),
        hidden,
        vocab,
        context: keys.number("context_length", CONTEXT_MAX)?,
        norm_eps: meta.require::<f32>(&keys.key("attention.layer_norm_rms_epsilon"))?,
        norm_offset: 0.0,
        embedding_scale: None,
        logit_cap: None,
        ropes: vec![gguf_rope(file, &keys, head_dim, true)?],
        layers: vec![layer; keys.number("block_count", LAYERS_MAX)?],
        names: GGUF_NAMES,
        tied: None,
        skipped: Vec::new(),
    })
}

fn attention(heads: usize, kv_heads: usize, head_dim: usize) -> AttentionPlan {
    AttentionPlan {
        heads,
        kv_heads,
        head_dim,
        latent: None,
        scale: 1.0 / (head_dim as f32).sqrt(),
        window: None,
        cap: None,
        rope: Some(0),
        head_norms: false,
        sinks: false,
        bias: Bias::Absent,
        output_bias: Bias::Absent,
    }
}

/// How metadata say that positions become angles. They do not say whether the borders of `YaRN`'s
/// blend are whole pairs (`truncate`).
pub(super) fn gguf_rope(
    file: &GgufFile,
    keys: &Keys<'_>,
    head_dim: usize,
    truncate: bool,
) -> Result<RopePlan, ModelError> {
    let dims = keys.optional("rope.dimension_count", WIDTH_MAX)?.unwrap_or(head_dim);
    if dims > head_dim {
        let why = format!("is {dims}, but a head has {head_dim} values");
        return Err(keys.wrong("rope.dimension_count", why));
    }
    let factor = keys.find::<f32>("rope.scaling.factor")?.unwrap_or(1.0);
    let scaling = match keys.find::<&str>("rope.scaling.type")? {
        None | Some("none" | "longrope") => RopeScaling::None,
        Some("linear") if factor > 0.0 => RopeScaling::Linear { factor },
        Some("yarn") if factor > 0.0 => {
            let original = "rope.scaling.original_context_length";
            RopeScaling::Yarn {
                factor,
                beta_fast: keys.positive("rope.scaling.yarn_beta_fast")?.unwrap_or(32.0),
                beta_slow: keys.positive("rope.scaling.yarn_beta_slow")?.unwrap_or(1.0),
                truncate,
                attention_factor: None,
                mscale: None,
                mscale_all_dim: None,
                original_max_position_embeddings: keys.number(original, CONTEXT_MAX)?,
            }
        }
        Some(other) => {
            return Err(ModelError::Unsupported {
                what: format!(
                    "rope scaling `{}` with factor {factor}",
                    crate::tensor_source::label(other)
                ),
                why: "none, linear, yarn and longrope are supported".to_owned(),
            });
        }
    };
    let config = RopeConfig {
        theta: keys.find::<f32>("rope.freq_base")?.unwrap_or(THETA_DEFAULT),
        partial_rotary_factor: dims as f32 / head_dim as f32,
        scaling,
    };
    let mut plan = rope::plan(&config, head_dim, RopePairing::Half)?;
    // The converter writes Llama 3.1's stretching as a divisor for each pair.
    if file.has("rope_freqs.weight") {
        let divisors = crate::decoder::load_vector(file, "rope_freqs.weight", plan.pairs())?;
        plan.inv_freq = rope::divided(&plan.inv_freq, &divisors)?;
    }
    Ok(plan)
}

/// Gives a window to the layers that the config says have one; where it does not say, `default`
/// does, by the layer's number.
///
/// # Errors
/// Where a layer has a window and the config no width of it.
pub(super) fn slide(
    blueprint: &mut Blueprint,
    config: &HfConfig,
    default: impl Fn(usize) -> bool,
) -> Result<(), ModelError> {
    for (index, layer) in blueprint.layers.iter_mut().enumerate() {
        let said = config.layer_types.as_ref().and_then(|types| types.get(index));
        if said.map_or_else(|| default(index), |said| *said == LayerType::Sliding) {
            let window = config.sliding_window;
            let window = window.ok_or_else(|| config.wrong("`sliding_window` is missing"))?;
            layer.attention.window = Some(window);
        }
    }
    Ok(())
}

/// Sets which biases every layer has.
pub(super) fn set_biases(blueprint: &mut Blueprint, attention: Bias, output: Bias, ffn: Bias) {
    for layer in &mut blueprint.layers {
        layer.attention.bias = attention;
        layer.attention.output_bias = output;
        layer.ffn.bias = ffn;
    }
}

/// What a flag of a config says of biases.
pub(super) fn bias(flag: bool) -> Bias {
    if flag { Bias::Required } else { Bias::Absent }
}

/// What every decoder must be, whatever file it came from.
pub(super) fn check(blueprint: Blueprint) -> Result<Blueprint, ModelError> {
    let b = &blueprint;
    let wrong = if !(b.norm_eps > 0.0 && b.norm_eps < 1.0) {
        Some(format!("the norm's epsilon is {}", b.norm_eps))
    } else if b.ropes.iter().any(|rope| !is_finite(rope)) {
        Some("the rope's frequencies are not finite".to_owned())
    } else if let Some(cap) = caps(b).find(|cap| !(cap.is_finite() && *cap > 0.0)) {
        Some(format!("it has a cap of {cap}, and a cap is above 0"))
    } else if experts(b) > EXPERTS_MAX {
        Some(format!("it has {} experts, and at most {EXPERTS_MAX} are read", experts(b)))
    } else {
        b.layers.iter().find_map(|layer| wrong_heads(&layer.attention).or_else(|| wrong_ffn(layer)))
    };
    match wrong {
        Some(why) => Err(ModelError::Unsupported { what: format!("this {}", b.architecture), why }),
        None => Ok(blueprint),
    }
}

/// How many experts all layers have.
fn experts(b: &Blueprint) -> u64 {
    let counts = b.layers.iter().filter_map(|layer| layer.ffn.experts.as_ref());
    counts.fold(0, |sum, experts| sum.saturating_add(experts.count as u64))
}

fn wrong_ffn(layer: &LayerPlan) -> Option<String> {
    let ffn = &layer.ffn;
    if let Some(why) = ffn.gating.wrong() {
        return Some(why);
    }
    match &ffn.experts {
        Some(experts) => experts.wrong(),
        None if ffn.width == 0 => Some("a feed-forward layer has no width".to_owned()),
        None => None,
    }
}

fn caps(b: &Blueprint) -> impl Iterator<Item = f32> {
    b.layers.iter().filter_map(|layer| layer.attention.cap).chain(b.logit_cap)
}

fn is_finite(rope: &RopePlan) -> bool {
    let long = rope.long.iter().flat_map(|long| &long.inv_freq);
    rope.magnitude.is_finite() && rope.inv_freq.iter().chain(long).all(|freq| freq.is_finite())
}

fn wrong_heads(a: &AttentionPlan) -> Option<String> {
    if !a.heads.is_multiple_of(a.kv_heads) {
        Some(format!("{} query heads cannot share {} key-value heads", a.heads, a.kv_heads))
    } else if !a.head_dim.is_multiple_of(2) || a.head_dim == 0 {
        Some(format!("heads of width {} have no pairs to rotate", a.head_dim))
    } else if a.heads.checked_mul(a.head_dim).is_none_or(|width| width as u64 > WIDTH_MAX) {
        Some(format!("{} heads of width {} are wider than {WIDTH_MAX}", a.heads, a.head_dim))
    } else {
        a.latent.and_then(|latent| wrong_latent(a.heads, latent))
    }
}

fn wrong_latent(heads: usize, latent: LatentPlan) -> Option<String> {
    let LatentPlan { plain, turned, value, .. } = latent;
    // Each of them is at most `WIDTH_MAX`.
    let widest = latent.line() + plain + value + GROUP_ROWS;
    if !turned.is_multiple_of(2) {
        Some(format!("{turned} values of a head have no pairs to rotate"))
    } else if widest.checked_mul(heads).is_none_or(|of| of as u64 > WIDTH_MAX) {
        let line = latent.line();
        Some(format!("{heads} heads of width {line} in the latent are wider than {WIDTH_MAX}"))
    } else {
        None
    }
}

fn rows(source: &dyn TensorSource, name: &str) -> Result<usize, ModelError> {
    let info = source.info(name)?;
    info.shape.first().copied().ok_or_else(|| ModelError::TensorShape {
        tensor: info.name,
        expected: vec![0, 0],
        found: Vec::new(),
    })
}
