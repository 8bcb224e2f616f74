//! One layer on paper: what may differ from layer to layer.

use super::experts::ExpertsPlan;
use crate::Activation;

/// A layer on paper.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayerPlan {
    pub(crate) attention: AttentionPlan,
    pub(crate) ffn: FfnPlan,
    /// Whether what attention and the feed-forward layer give is normalised before it is added to
    /// the residual stream.
    pub(crate) post_norms: bool,
}

/// Whether a matrix has a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bias {
    /// None; one in the file would be refused.
    Absent,
    /// Where the file has one.
    Optional,
    /// One that must be there.
    Required,
}

/// Grouped-query attention (Ainslie et al. 2023).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AttentionPlan {
    /// Query heads: a multiple of the key-value heads.
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    /// What scores are multiplied with.
    pub(crate) scale: f32,
    /// To how many positions a token attends, its own included; `None` for all.
    pub(crate) window: Option<usize>,
    /// What bounds the scores: each becomes `cap * tanh(score / cap)`.
    pub(crate) cap: Option<f32>,
    /// Which of the blueprint's ropes turns queries and keys; `None` leaves them as they are.
    pub(crate) rope: Option<usize>,
    /// Whether each head of queries and keys is normalised before it is turned.
    pub(crate) head_norms: bool,
    /// Of queries, keys and values.
    pub(crate) bias: Bias,
    pub(crate) output_bias: Bias,
}

/// A gated feed-forward layer (Shazeer 2020), or experts of that form, or both side by side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FfnPlan {
    /// The width of what every token goes through: of the layer itself, or, beside experts, of the
    /// shared ones together; 0 where there are none.
    pub(crate) width: usize,
    pub(crate) activation: Activation,
    pub(crate) bias: Bias,
    pub(crate) experts: Option<ExpertsPlan>,
}

impl AttentionPlan {
    /// Query heads that share a key-value head.
    pub(crate) fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// Width of all query heads together.
    pub(crate) fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key heads, or of all value heads, together.
    pub(crate) fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Width of queries, keys and values side by side.
    pub(crate) fn qkv_width(&self) -> usize {
        self.query_width() + 2 * self.kv_width()
    }

    /// The first position that a token at `position` attends to.
    pub(crate) fn first(&self, position: usize) -> usize {
        (position + 1).saturating_sub(self.window.unwrap_or(usize::MAX))
    }
}
