//! What a model's files say about its text: vocabulary, template, ends and defaults. This crate
//! reads them and does not interpret them; `pricket-tokenizer` does.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The vocabulary as a GGUF file's metadata hold it (`tokenizer.ggml.*`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GgufVocabulary {
    /// `tokenizer.ggml.model`: `gpt2` (byte-level BPE), `llama` (SentencePiece) and others.
    pub model: String,
    /// `tokenizer.ggml.pre`: which splitting runs before BPE.
    pub pre: Option<String>,
    /// The tokens, by id.
    pub tokens: Vec<String>,
    /// The tokens' scores, by id; empty where the file has none.
    pub scores: Vec<f32>,
    /// The tokens' types, by id (1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte);
    /// empty where the file has none.
    pub token_types: Vec<i32>,
    /// The merges, most important first, each two pieces with a space between.
    pub merges: Vec<String>,
    /// The beginning-of-sequence token.
    pub bos_id: Option<u32>,
    /// The end-of-sequence token.
    pub eos_id: Option<u32>,
    /// The unknown token.
    pub unknown_id: Option<u32>,
    /// The padding token.
    pub padding_id: Option<u32>,
    /// Whether a beginning-of-sequence token is put in front.
    pub add_bos: Option<bool>,
    /// Whether an end-of-sequence token is put behind.
    pub add_eos: Option<bool>,
    /// Whether SentencePiece puts a space in front.
    pub add_space_prefix: Option<bool>,
    /// Whether WordPiece sees texts in lower case.
    pub lowercase: Option<bool>,
    /// Whether WordPiece sees letters without their accents.
    pub strip_accents: Option<bool>,
}

/// Where the vocabulary comes from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Vocabulary {
    /// The metadata of a GGUF file.
    Gguf(Box<GgufVocabulary>),
    /// A `tiktoken.model` or a `tokenizer.json`, and the `tokenizer_config.json` beside it where
    /// there is one.
    HuggingFace {
        /// The path of `tiktoken.model` or `tokenizer.json`.
        tokenizer: PathBuf,
        /// The path of `tokenizer_config.json`.
        config: Option<PathBuf>,
    },
}

/// What the model's makers recommend for generation (`generation_config.json`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GenerationDefaults {
    /// Every token that ends an answer.
    pub eos_ids: Vec<u32>,
    /// Sampling temperature.
    pub temperature: Option<f32>,
    /// Top-k.
    pub top_k: Option<usize>,
    /// Top-p.
    pub top_p: Option<f32>,
    /// Min-p.
    pub min_p: Option<f32>,
    /// Repetition penalty.
    pub repetition_penalty: Option<f32>,
}

/// Everything about text that a model's files say.
#[derive(Debug, Clone, PartialEq)]
pub struct TextAssets {
    /// Where the vocabulary comes from; `None` where the files have none (token ids only).
    pub vocabulary: Option<Vocabulary>,
    /// The chat template's source, where there is one.
    pub chat_template: Option<String>,
    /// The makers' defaults.
    pub generation: GenerationDefaults,
}
