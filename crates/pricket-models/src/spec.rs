//! What a model is, in numbers.

use serde::{Deserialize, Serialize};

/// What a loaded model is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// The architecture, as the file names it (`llama`).
    pub architecture: String,
    /// The model's own name, where the file has one.
    pub name: Option<String>,
    /// How its weights are stored, in words (`Q4_1`, `BF16`).
    pub quantization: String,
    /// How many weights it has.
    pub parameters: u64,
    /// The size of the vocabulary: the width of a row of logits.
    pub vocab_size: usize,
    /// The longest context that it was trained for, in tokens.
    pub context_length: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// How many layers.
    pub layers: usize,
    /// How many query heads, of the layer with most.
    pub heads: usize,
    /// How many key-value heads, of the layer with most.
    pub kv_heads: usize,
    /// Width of a head, of the layer with the widest.
    pub head_dim: usize,
    /// Bytes that the weights occupy in memory.
    pub weight_bytes: u64,
    /// Bytes that a token occupies in the cache of keys and values.
    pub kv_bytes_per_token: u64,
    /// What is known of its experts, where these stay on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts_on_disk: Option<ExpertsOnDisk>,
}

/// Experts that stay in their files and are read when tokens take them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExpertsOnDisk {
    /// Bytes that all of them have in the files.
    pub file_bytes: u64,
    /// Bytes of memory for those that were taken last.
    pub room_bytes: u64,
    /// Bytes that are read for a token none of whose experts is in memory: the most there can be.
    pub token_bytes: u64,
    /// How fast some of them were read and packed while the model was loaded, in bytes of the files
    /// a second. What the system had read before is faster than the disk.
    pub read_bytes_per_second: u64,
}

impl ExpertsOnDisk {
    /// Tokens a second, one after the other, if none of the experts were in memory and reading were
    /// all there is to do.
    pub fn tokens_per_second(&self) -> f64 {
        self.read_bytes_per_second as f64 / self.token_bytes.max(1) as f64
    }
}
