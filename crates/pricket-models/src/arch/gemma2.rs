//! Gemma 2 (2024): embeddings are scaled, norms stand before and behind attention and feed-forward
//! layer, scores and logits are bounded, every second layer attends to everything.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Architecture;
use super::base::{self, bias, set_biases, slide};
use super::keys::Keys;
use crate::blueprint::{Bias, Blueprint, Gating, LayerPart};
use crate::gguf::GgufFile;
use crate::limits::CONTEXT_MAX;
use crate::{Activation, HfConfig, ModelError};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: Some("gemma2"),
    family: ("gemma2", "Gemma2ForCausalLM"),
    from_gguf,
    from_config,
};

/// What transformers and llama.cpp take where a file names none.
const SCORE_CAP: f32 = 50.0;
const LOGIT_CAP: f32 = 30.0;
const WINDOW: usize = 4_096;

/// One layer of so many attends to everything: the last of each round.
const ROUND: usize = 2;

/// The one of 27 billion weights scales scores by the residual stream's share of a head. Its GGUF
/// files do not say so; so many layers tell it.
const LAYERS_OF_27B: usize = 46;

#[derive(Deserialize)]
struct Caps {
    #[serde(default = "score_cap")]
    attn_logit_softcapping: Option<f32>,
    #[serde(default = "logit_cap")]
    final_logit_softcapping: Option<f32>,
}

/// What only Gemmas' configs say, and what these leave out where others would not.
#[derive(Deserialize)]
struct Gemma {
    query_pre_attn_scalar: Option<f32>,
    tie_word_embeddings: Option<bool>,
    hidden_act: Option<IgnoredAny>,
    hidden_activation: Option<IgnoredAny>,
    use_bidirectional_attention: Option<bool>,
}

#[expect(clippy::unnecessary_wraps, reason = "it stands for a field that may be null")]
fn score_cap() -> Option<f32> {
    Some(SCORE_CAP)
}

#[expect(clippy::unnecessary_wraps, reason = "it stands for a field that may be null")]
fn logit_cap() -> Option<f32> {
    Some(LOGIT_CAP)
}

fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let keys = Keys::of(file)?;
    let window = keys.optional("attention.sliding_window", CONTEXT_MAX)?.unwrap_or(WINDOW);
    let mut blueprint = base_from_gguf(file, Some(window), ROUND, LAYERS_OF_27B)?;
    let cap = keys.positive("attn_logit_softcapping")?.unwrap_or(SCORE_CAP);
    for layer in &mut blueprint.layers {
        layer.attention.cap = Some(cap);
    }
    blueprint.logit_cap = Some(keys.positive("final_logit_softcapping")?.unwrap_or(LOGIT_CAP));
    Ok(blueprint)
}

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let mut blueprint = base_from_config(config)?;
    slide(&mut blueprint, config, |layer| !(layer + 1).is_multiple_of(ROUND))?;
    let caps: Caps = config.family()?;
    for layer in &mut blueprint.layers {
        layer.attention.cap = caps.attn_logit_softcapping;
    }
    blueprint.logit_cap = caps.final_logit_softcapping;
    Ok(blueprint)
}

/// What Gemma 2 and 3 share, from metadata. Norms hold what they multiply with; of every `round`
/// layers the last attends to everything, and the others have the window.
pub(super) fn base_from_gguf(
    file: &GgufFile,
    window: Option<usize>,
    round: usize,
    layers_of_27b: usize,
) -> Result<Blueprint, ModelError> {
    let mut blueprint = base::from_gguf(file)?;
    let is_27b = blueprint.layers.len() == layers_of_27b;
    for (index, layer) in blueprint.layers.iter_mut().enumerate() {
        let attention = &mut layer.attention;
        attention.window = window.filter(|_| !(index + 1).is_multiple_of(round));
        if is_27b {
            attention.scale = 1.0 / (blueprint.hidden as f32 / attention.heads as f32).sqrt();
        }
    }
    set_activation(&mut blueprint);
    complete(&mut blueprint);
    Ok(blueprint)
}

/// What Gemma 2 and 3 share, from a config. Norms hold the difference to 1 of what they multiply
/// with.
pub(super) fn base_from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let gemma: Gemma = config.family()?;
    if gemma.use_bidirectional_attention == Some(true) {
        return Err(ModelError::Unsupported {
            what: "attention to what comes later".to_owned(),
            why: "a decoder continues what it has seen".to_owned(),
        });
    }
    let mut blueprint = base::from_config(config)?;
    if gemma.hidden_act.is_none() && gemma.hidden_activation.is_none() {
        set_activation(&mut blueprint);
    }
    let attention = bias(config.attention_bias);
    set_biases(&mut blueprint, attention, attention, Bias::Absent);
    blueprint.norm_offset = 1.0;
    blueprint.tied = Some(gemma.tie_word_embeddings.unwrap_or(true));
    blueprint.names.other = &[
        (LayerPart::AttentionPostNorm, "post_attention_layernorm"),
        (LayerPart::FfnNorm, "pre_feedforward_layernorm"),
    ];
    if let Some(width) = gemma.query_pre_attn_scalar {
        if !(width.is_finite() && width > 0.0) {
            return Err(
                config.wrong(format!("`query_pre_attn_scalar` must be above 0, but is {width}"))
            );
        }
        for layer in &mut blueprint.layers {
            layer.attention.scale = 1.0 / width.sqrt();
        }
    }
    complete(&mut blueprint);
    Ok(blueprint)
}

fn complete(blueprint: &mut Blueprint) {
    blueprint.embedding_scale = Some((blueprint.hidden as f32).sqrt());
    for layer in &mut blueprint.layers {
        layer.post_norms = true;
    }
}

fn set_activation(blueprint: &mut Blueprint) {
    for layer in &mut blueprint.layers {
        layer.ffn.gating = Gating::Plain(Activation::GeluTanh);
    }
}
