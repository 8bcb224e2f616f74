//! `config.json` as it is written, before any value is believed.

use std::path::Path;

use pricket_core::OneOrMany;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::ModelError;

/// The fields that decoders share. What only one family has is read by its mapping.
#[derive(Deserialize)]
pub(super) struct RawDecoder {
    pub(super) architectures: Option<Vec<String>>,
    pub(super) model_type: Option<String>,
    pub(super) hidden_size: Option<u64>,
    pub(super) intermediate_size: Option<u64>,
    pub(super) num_hidden_layers: Option<u64>,
    pub(super) num_attention_heads: Option<u64>,
    pub(super) num_key_value_heads: Option<u64>,
    pub(super) head_dim: Option<u64>,
    pub(super) vocab_size: Option<u64>,
    pub(super) max_position_embeddings: Option<u64>,
    pub(super) rms_norm_eps: Option<f64>,
    pub(super) rope_theta: Option<f64>,
    pub(super) rope_scaling: Option<RawRope>,
    pub(super) rope_parameters: Option<RawRope>,
    pub(super) rope_local_base_freq: Option<f64>,
    pub(super) original_max_position_embeddings: Option<u64>,
    pub(super) partial_rotary_factor: Option<f64>,
    pub(super) sliding_window: Option<u64>,
    pub(super) layer_types: Option<Vec<String>>,
    pub(super) tie_word_embeddings: Option<bool>,
    pub(super) bos_token_id: Option<OneOrMany<u32>>,
    pub(super) eos_token_id: Option<OneOrMany<u32>>,
    pub(super) attention_bias: Option<bool>,
    pub(super) mlp_bias: Option<bool>,
    pub(super) hidden_act: Option<String>,
    pub(super) hidden_activation: Option<String>,
    pub(super) quantization_config: Option<RawQuantization>,
    pub(super) text_config: Option<serde_json::Value>,
}

/// `rope_scaling` of the older layout and `rope_parameters` of the newer one.
#[derive(Deserialize)]
pub(super) struct RawRope {
    pub(super) rope_type: Option<String>,
    /// What `rope_type` was called before it was called that.
    #[serde(rename = "type")]
    pub(super) former_type: Option<String>,
    pub(super) rope_theta: Option<f64>,
    pub(super) factor: Option<f64>,
    pub(super) low_freq_factor: Option<f64>,
    pub(super) high_freq_factor: Option<f64>,
    pub(super) original_max_position_embeddings: Option<u64>,
    pub(super) partial_rotary_factor: Option<f64>,
    pub(super) attention_factor: Option<f64>,
    pub(super) beta_fast: Option<f64>,
    pub(super) beta_slow: Option<f64>,
    pub(super) truncate: Option<bool>,
    pub(super) mscale: Option<f64>,
    pub(super) mscale_all_dim: Option<f64>,
    pub(super) short_factor: Option<Vec<f64>>,
    pub(super) long_factor: Option<Vec<f64>>,
    /// The same for each kind of layer, where they differ (Gemma 3).
    pub(super) full_attention: Option<Box<RawRope>>,
    pub(super) sliding_attention: Option<Box<RawRope>>,
}

#[derive(Deserialize)]
pub(super) struct RawQuantization {
    pub(super) quant_method: Option<String>,
}

/// JSON to a struct; what is wrong becomes an error that names the file.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, json: &[u8]) -> Result<T, ModelError> {
    serde_json::from_slice(json)
        .map_err(|error| ModelError::Config { path: path.to_owned(), why: error.to_string() })
}

/// Checks numbers by name.
pub(super) struct Fields<'a> {
    path: &'a Path,
}

impl<'a> Fields<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path }
    }

    pub(super) fn wrong(&self, why: impl Into<String>) -> ModelError {
        ModelError::Config { path: self.path.to_owned(), why: why.into() }
    }

    /// A size from 1 to `max` that may be absent.
    pub(super) fn optional(
        &self,
        name: &str,
        given: Option<u64>,
        max: u64,
    ) -> Result<Option<usize>, ModelError> {
        match given {
            None => Ok(None),
            // Every limit fits an address.
            Some(value) if (1..=max).contains(&value) => Ok(Some(value as usize)),
            Some(value) => {
                Err(self.wrong(format!("`{name}` must be from 1 to {max}, but is {value}")))
            }
        }
    }

    /// A size from 1 to `max` that must be there.
    pub(super) fn required(
        &self,
        name: &str,
        given: Option<u64>,
        max: u64,
    ) -> Result<usize, ModelError> {
        self.optional(name, given, max)?.ok_or_else(|| self.wrong(format!("`{name}` is missing")))
    }

    /// A finite number above 0 that must be there.
    pub(super) fn positive(&self, name: &str, given: Option<f64>) -> Result<f32, ModelError> {
        match given.map(|value| value as f32) {
            Some(value) if value.is_finite() && value > 0.0 => Ok(value),
            Some(value) => Err(self.wrong(format!("`{name}` must be above 0, but is {value}"))),
            None => Err(self.wrong(format!("`{name}` is missing"))),
        }
    }
}
