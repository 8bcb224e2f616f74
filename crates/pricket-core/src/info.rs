//! What a provider is and can.

use serde::{Deserialize, Serialize};

/// What a provider can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "a set of independent yes-or-no facts")]
pub struct Capabilities {
    /// It answers conversations (it has a chat template).
    pub chat: bool,
    /// Its template shows tools to the model.
    pub tools: bool,
    /// It reads images.
    pub vision: bool,
    /// It gives embeddings.
    pub embeddings: bool,
}

/// What a provider is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The model's name, as the user gave it.
    pub name: String,
    /// The architecture, for a local model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The longest context, in tokens; `None` where a remote does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_length: Option<usize>,
    /// The size of the vocabulary, for a local model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocab_size: Option<usize>,
    /// What it can do.
    pub capabilities: Capabilities,
}
