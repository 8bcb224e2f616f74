//! What an implementation that we did not write computed.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Deserialize;

/// `reference.json` of a tiny checkpoint: transformers in float32.
#[derive(Debug, Clone, Deserialize)]
pub struct Reference {
    /// Prompts and their logits.
    pub cases: Vec<Case>,
    /// A greedy continuation.
    pub greedy: Greedy,
    /// What routers chose for the tokens of the first prompt, by their names.
    #[serde(default, rename = "router_short24")]
    pub routers: BTreeMap<String, Choices>,
}

/// What a router chose.
#[derive(Debug, Clone, Deserialize)]
pub struct Choices {
    /// Of each token, the experts in rising order.
    pub experts_sorted: Vec<Vec<usize>>,
    /// Their weights in the same order.
    pub weights: Vec<Vec<f32>>,
}

/// A prompt and its logits.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    /// What it is called.
    pub name: String,
    /// The prompt.
    pub input_ids: Vec<u32>,
    /// All logits after the last id.
    pub last_logits: Vec<f32>,
    /// For every position the ids of the ten largest logits, largest first.
    pub top10_ids: Vec<Vec<u32>>,
    /// Their values.
    pub top10_logits: Vec<Vec<f32>>,
    /// The residual stream at the last position: the embedding, then what each layer leaves; the
    /// last is normalised.
    pub hidden_last_pos: Vec<Vec<f32>>,
}

/// A prompt and its most likely continuation, past the ends of turn.
#[derive(Debug, Clone, Deserialize)]
pub struct Greedy {
    /// The prompt.
    pub prompt_ids: Vec<u32>,
    /// The continuation.
    pub new_ids: Vec<u32>,
}

/// A reference of a real model.
#[derive(Debug, Clone, Deserialize)]
pub struct RealReference {
    /// The model's file.
    pub file: String,
    /// Prompts, logits, continuations.
    pub cases: Vec<RealCase>,
}

/// A prompt, some of its logits, and its continuation.
#[derive(Debug, Clone, Deserialize)]
pub struct RealCase {
    /// The prompt's text.
    pub prompt: String,
    /// The prompt's ids.
    pub input_ids: Vec<u32>,
    /// For every position the ids of the ten largest logits, largest first.
    pub top10_ids: Vec<Vec<u32>>,
    /// Their values.
    pub top10_logits: Vec<Vec<f32>>,
    /// The first logits after the last id.
    pub last_logits_first_256: Vec<f32>,
    /// The most likely continuation, past the ends of turn.
    pub greedy_ids: Vec<u32>,
    /// By how much each of them beat the second.
    pub greedy_margins: Vec<f32>,
}

impl Reference {
    /// Reads the reference of a checkpoint's folder.
    ///
    /// # Errors
    /// The file system's; `InvalidData` where the file is no reference.
    pub fn of(model: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(model.join("reference.json"))?)?)
    }
}

impl RealReference {
    /// Reads a file.
    ///
    /// # Errors
    /// The file system's; `InvalidData` where the file is no reference.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }
}

/// The largest absolute difference between two rows; infinite where their lengths differ or a value
/// is no number, so that no comparison with a bound can pass by accident.
pub fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::INFINITY;
    }
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |largest, d| if d.is_nan() { f32::INFINITY } else { d.max(largest) })
}
