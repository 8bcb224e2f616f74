//! The special tokens of a vocabulary, as a chat template needs them.

use std::sync::Arc;

/// The tokens that a template can name, and those that content must not be able to form.
/// [`Tokenizer::special_tokens`](crate::Tokenizer::special_tokens) fills it in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// `bos_token`: begins a sequence.
    pub bos: Option<String>,
    /// `eos_token`: ends a sequence.
    pub eos: Option<String>,
    /// `unk_token`: stands for what has no token.
    pub unk: Option<String>,
    /// `pad_token`: fills up a batch.
    pub pad: Option<String>,
    /// Every special token's text, sorted: what messages contain of these stays text.
    pub guarded: Arc<[String]>,
    /// The added tokens that are not special, sorted. Where a template writes one of these itself,
    /// it is guarded too, but for what the assistant said.
    pub added: Arc<[String]>,
}
