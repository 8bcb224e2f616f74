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
}
