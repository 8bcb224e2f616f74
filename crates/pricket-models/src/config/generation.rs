//! `generation_config.json`: what the makers recommend.

use std::path::Path;

use pricket_core::OneOrMany;
use serde::Deserialize;

use super::raw;
use crate::limits::{CONFIG_BYTES_MAX, EOS_IDS_MAX};
use crate::tensor_source::Bytes;
use crate::{GenerationDefaults, ModelError};

#[derive(Deserialize)]
struct RawGeneration {
    eos_token_id: Option<OneOrMany<u32>>,
    do_sample: Option<bool>,
    temperature: Option<f32>,
    top_k: Option<usize>,
    top_p: Option<f32>,
    min_p: Option<f32>,
    repetition_penalty: Option<f32>,
}

impl GenerationDefaults {
    /// Reads a `generation_config.json`.
    ///
    /// # Errors
    /// [`ModelError::NotFound`], [`ModelError::Read`] and [`ModelError::LimitExceeded`] for the
    /// file; [`ModelError::Config`] for a value that has no meaning.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::from_json(path, &Bytes::open(path)?.read_all(CONFIG_BYTES_MAX)?)
    }

    /// The same for JSON in memory; `path` is what messages call it. A file that says
    /// `"do_sample": false` recommends greedy decoding: its temperature is 0.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a value that has no meaning.
    pub fn from_json(path: &Path, json: &[u8]) -> Result<Self, ModelError> {
        let raw: RawGeneration = raw::parse(path, json)?;
        let check = |name: &str, value: Option<f32>, meaningful: fn(f32) -> bool| match value {
            Some(value) if !value.is_finite() || !meaningful(value) => Err(ModelError::Config {
                path: path.to_owned(),
                why: format!("`{name}` cannot be {value}"),
            }),
            value => Ok(value),
        };
        let eos_ids: Vec<u32> =
            raw.eos_token_id.map(|ids| ids.into_iter().collect()).unwrap_or_default();
        if eos_ids.len() > EOS_IDS_MAX {
            let why = format!("`eos_token_id` has more than {EOS_IDS_MAX} ids");
            return Err(ModelError::Config { path: path.to_owned(), why });
        }
        let temperature = check("temperature", raw.temperature, |value| value >= 0.0)?;
        let penalty = check("repetition_penalty", raw.repetition_penalty, |value| value > 0.0)?;
        Ok(Self {
            eos_ids,
            temperature: if raw.do_sample == Some(false) { Some(0.0) } else { temperature },
            top_k: raw.top_k,
            top_p: check("top_p", raw.top_p, |value| value > 0.0 && value <= 1.0)?,
            min_p: check("min_p", raw.min_p, |value| (0.0..=1.0).contains(&value))?,
            repetition_penalty: penalty,
        })
    }
}
