//! What an encoder is made of, whatever its config calls it.

use pricket_simd::RopePairing;

/// Which names its tensors have, and which parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// BERT (Devlin et al., 2018): learned positions, a norm behind each half of a layer.
    Bert,
    /// `RoBERTa` and XLM-RoBERTa: BERT with positions that are counted from behind the padding id.
    Roberta,
    /// Nomic's BERT (Nussbaum et al., 2024): rotary positions, a gated feed-forward layer.
    Nomic,
}

/// How a token knows its position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Positions {
    /// By a row of a table of `rows`; the first token has the row `first`.
    Learned { first: usize, rows: usize },
    /// By turning the first `dims` numbers of queries and keys (Su et al., 2021).
    Rotary { base: f32, dims: usize, pairing: RopePairing },
}

/// What stands between the two matrices of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    Gelu,
    GeluTanh,
    Relu,
    /// `up * silu(gate)`: a third matrix (Shazeer, 2020).
    SiluGated,
}

/// What is made of the hidden states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Vectors,
    Scores { sigmoid: bool },
}

/// An encoder's shape.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EncoderBlueprint {
    pub(crate) architecture: String,
    pub(crate) name: Option<String>,
    pub(crate) family: Family,
    pub(crate) task: Task,
    pub(crate) vocab: usize,
    pub(crate) types: usize,
    pub(crate) positions: Positions,
    /// The most tokens that there are positions for.
    pub(crate) tokens_max: usize,
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) ffn: usize,
    pub(crate) activation: Activation,
    pub(crate) norm_eps: f32,
}

impl EncoderBlueprint {
    /// Width of a head.
    pub(crate) fn head_dim(&self) -> usize {
        self.hidden / self.heads
    }

    /// What scores of attention are multiplied by.
    pub(crate) fn attention_scale(&self) -> f32 {
        1.0 / (self.head_dim() as f32).sqrt()
    }

    /// Matrices of a feed-forward layer.
    pub(crate) fn ffn_matrices(&self) -> usize {
        if self.activation == Activation::SiluGated { 3 } else { 2 }
    }

    /// Products of a layer for a text of so many tokens, by which work is shared out.
    pub(crate) fn work(&self, tokens: usize) -> u64 {
        let (h, f, n) = (self.hidden as u64, self.ffn as u64, tokens as u64);
        let of_token = 4 * h * h + self.ffn_matrices() as u64 * h * f;
        n.saturating_mul(of_token.saturating_add(2 * n * h))
    }
}
