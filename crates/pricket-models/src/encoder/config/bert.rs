//! BERT, `RoBERTa` and XLM-RoBERTa.

use super::Config;
use crate::ModelError;
use crate::encoder::blueprint::{EncoderBlueprint, Family, Positions, Task};
use crate::limits::{CONTEXT_MAX, LAYERS_MAX, VOCABULARY_MAX, WIDTH_MAX};

/// Which row of the table of positions the first token takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    FromZero,
    /// The row behind the padding id's, as fairseq counts.
    BehindPadding,
}

/// The blueprint of a config of this family.
pub(super) fn blueprint(
    config: &Config<'_>,
    task: Task,
    counting: Counting,
) -> Result<EncoderBlueprint, ModelError> {
    let raw = &config.raw;
    let learned = raw.position_embedding_type.as_deref().is_none_or(|kind| kind == "absolute");
    config.refuse("relative positions", !learned)?;
    config.refuse("a causal mask", raw.is_decoder == Some(true))?;
    let hidden = config.size(&[("hidden_size", raw.hidden_size)], WIDTH_MAX)?;
    let rows =
        config.size(&[("max_position_embeddings", raw.max_position_embeddings)], CONTEXT_MAX)?;
    let first = match counting {
        Counting::FromZero => 0,
        // 1 is the family's own default.
        Counting::BehindPadding => match raw.pad_token_id.unwrap_or(1) {
            id if id < VOCABULARY_MAX => id as usize + 1,
            id => return Err(config.wrong(format!("`pad_token_id` is {id}, which no token has"))),
        },
    };
    let Some(tokens_max) = rows.checked_sub(first).filter(|&left| left > 0) else {
        return Err(config.wrong(format!(
            "`max_position_embeddings` is {rows}, but the first token has the position {first}"
        )));
    };
    let activation = raw.hidden_act.as_deref().unwrap_or("gelu");
    Ok(EncoderBlueprint {
        architecture: String::new(),
        name: None,
        family: match counting {
            Counting::FromZero => Family::Bert,
            Counting::BehindPadding => Family::Roberta,
        },
        task,
        vocab: config.size(&[("vocab_size", raw.vocab_size)], VOCABULARY_MAX)?,
        types: config.size(&[("type_vocab_size", raw.type_vocab_size)], VOCABULARY_MAX)?,
        positions: Positions::Learned { first, rows },
        tokens_max,
        hidden,
        layers: config.size(&[("num_hidden_layers", raw.num_hidden_layers)], LAYERS_MAX)?,
        heads: config.heads(&[("num_attention_heads", raw.num_attention_heads)], hidden)?,
        ffn: config.size(&[("intermediate_size", raw.intermediate_size)], WIDTH_MAX)?,
        activation: Config::activation(activation)?,
        norm_eps: config.eps(raw.layer_norm_eps)?,
    })
}
