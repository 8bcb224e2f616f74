//! An encoder's `config.json` as it is written, before any value is believed.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The fields of all families; those of Nomic's first config carry the names of GPT-2. Fields that
/// change nothing for inference are not read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawEncoder {
    pub(super) architectures: Option<Vec<String>>,
    pub(super) model_type: Option<String>,
    #[serde(rename = "_name_or_path")]
    pub(super) name: Option<String>,
    pub(super) vocab_size: Option<u64>,
    pub(super) hidden_size: Option<u64>,
    pub(super) num_hidden_layers: Option<u64>,
    pub(super) num_attention_heads: Option<u64>,
    pub(super) intermediate_size: Option<u64>,
    pub(super) head_dim: Option<u64>,
    pub(super) hidden_act: Option<String>,
    pub(super) max_position_embeddings: Option<u64>,
    pub(super) type_vocab_size: Option<u64>,
    pub(super) layer_norm_eps: Option<f64>,
    pub(super) pad_token_id: Option<u64>,
    pub(super) position_embedding_type: Option<String>,
    pub(super) is_decoder: Option<bool>,
    pub(super) rope_parameters: Option<RawRope>,
    pub(super) n_embd: Option<u64>,
    pub(super) n_layer: Option<u64>,
    pub(super) n_head: Option<u64>,
    pub(super) n_inner: Option<u64>,
    pub(super) n_positions: Option<u64>,
    pub(super) activation_function: Option<String>,
    pub(super) layer_norm_epsilon: Option<f64>,
    pub(super) rotary_emb_base: Option<f64>,
    pub(super) rotary_emb_fraction: Option<f64>,
    pub(super) rotary_emb_interleaved: Option<bool>,
    pub(super) rotary_scaling_factor: Option<f64>,
    pub(super) prenorm: Option<bool>,
    pub(super) parallel_block: Option<bool>,
    pub(super) use_rms_norm: Option<bool>,
    pub(super) causal: Option<bool>,
    pub(super) num_experts: Option<u64>,
    num_labels: Option<u64>,
    id2label: Option<Map<String, Value>>,
    sbert_ce_default_activation_function: Option<String>,
    sentence_transformers: Option<RawScorer>,
}

/// `rope_parameters`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawRope {
    pub(super) rope_type: Option<String>,
    pub(super) rope_theta: Option<f64>,
}

/// What sentence-transformers notes in the config of a cross-encoder.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawScorer {
    activation_fn: Option<String>,
}

impl RawEncoder {
    /// How many labels a classifier has; transformers takes 2 where the config does not say.
    pub(super) fn labels(&self) -> u64 {
        let named = self.id2label.as_ref().map(|names| names.len() as u64);
        named.or(self.num_labels).unwrap_or(2)
    }

    /// Whether a score goes through a sigmoid: as sentence-transformers, which takes one where the
    /// config names nothing else.
    pub(super) fn has_sigmoid(&self) -> bool {
        let noted = self.sentence_transformers.as_ref().and_then(|of| of.activation_fn.as_ref());
        let named = noted.or(self.sbert_ce_default_activation_function.as_ref());
        named.is_none_or(|name| name.rsplit('.').next() == Some("Sigmoid"))
    }
}
