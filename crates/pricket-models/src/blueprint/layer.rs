//! One layer on paper: what may differ from layer to layer.

use pricket_simd::GROUP_ROWS;

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

/// Grouped-query attention (Ainslie et al. 2023), or latent attention.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AttentionPlan {
    /// Query heads: a multiple of the key-value heads.
    pub(crate) heads: usize,
    /// One, where attention is latent: all heads share what is cached.
    pub(crate) kv_heads: usize,
    /// Width of a head of queries as they are projected.
    pub(crate) head_dim: usize,
    /// How keys and values come out of a latent; `None` where they are projected.
    pub(crate) latent: Option<LatentPlan>,
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
    /// Whether each query head's softmax has one more score, which is learned and has no value.
    pub(crate) sinks: bool,
    /// Of queries, keys and values.
    pub(crate) bias: Bias,
    pub(crate) output_bias: Bias,
}

/// Multi-head latent attention (DeepSeek-AI 2024). What is cached of a token is one line: a latent
/// that the keys and values of all heads come from, and a key that tells its position. It is
/// computed as if all heads shared one key, the line, and one value, its latent: queries are taken
/// into the latent's space by what makes keys of it, and what they attend to is taken out of it by
/// what makes values of it. So no head's keys or values are ever made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LatentPlan {
    /// What the norms of the latents add to the mean square.
    pub(crate) norm_eps: f32,
    /// Width of the latent that queries come from; `None` where they are projected at once.
    pub(crate) query_rank: Option<usize>,
    /// Width of the latent that keys and values come from.
    pub(crate) rank: usize,
    /// Width of the part of a head of queries that does not tell its position, the first one.
    pub(crate) plain: usize,
    /// Width of the part that does.
    pub(crate) turned: usize,
    /// Width of a head of values.
    pub(crate) value: usize,
}

/// The most heads that attend together where all share what is cached. More would leave threads
/// without work in a short context; fewer would open every line for less.
const HEADS_TOGETHER_MAX: usize = 32;

/// What a feed-forward layer makes of gate and up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Gating {
    /// `activation(gate) * up`.
    Plain(Activation),
    /// `(up + 1) * gate * sigmoid(alpha * gate)` of gates of at most `limit` and ups between
    /// `-limit` and it (`OpenAI` 2025).
    Bounded { alpha: f32, limit: f32 },
}

/// A gated feed-forward layer (Shazeer 2020), or experts of that form, or both side by side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FfnPlan {
    /// The width of what every token goes through: of the layer itself, or, beside experts, of the
    /// shared ones together; 0 where there are none.
    pub(crate) width: usize,
    pub(crate) gating: Gating,
    pub(crate) bias: Bias,
    pub(crate) experts: Option<ExpertsPlan>,
}

impl LatentPlan {
    /// Width of what is cached of a token: the latent, and the key that tells the position.
    pub(crate) fn line(&self) -> usize {
        self.rank + self.turned
    }

    /// Rows of a head's part of the matrix that takes queries into the latent's space, as it is
    /// packed: whole groups.
    pub(crate) fn key_rows(&self) -> usize {
        self.rank.next_multiple_of(GROUP_ROWS)
    }

    /// The same of the matrix that takes what was attended to out of it.
    pub(crate) fn value_rows(&self) -> usize {
        self.value.next_multiple_of(GROUP_ROWS)
    }
}

impl AttentionPlan {
    /// Query heads that attend together to one head of what is cached.
    pub(crate) fn group(&self) -> usize {
        let sharing = self.heads / self.kv_heads;
        if self.latent.is_none() {
            return sharing;
        }
        (1..=HEADS_TOGETHER_MAX).rev().find(|part| sharing.is_multiple_of(*part)).unwrap_or(1)
    }

    /// How many groups of query heads there are.
    pub(crate) fn groups(&self) -> usize {
        self.heads / self.group()
    }

    /// The head of what is cached that a group of query heads attends to.
    pub(crate) fn kv_head(&self, group: usize) -> usize {
        if self.latent.is_some() { 0 } else { group }
    }

    /// Width of a key as queries meet it.
    pub(crate) fn key_width(&self) -> usize {
        self.latent.map_or(self.head_dim, |latent| latent.line())
    }

    /// Width of a value as it is summed.
    pub(crate) fn value_width(&self) -> usize {
        self.latent.map_or(self.head_dim, |latent| latent.rank)
    }

    /// Width of all query heads together, as they are projected.
    pub(crate) fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all keys of a token together, as they are cached.
    pub(crate) fn keys_width(&self) -> usize {
        self.kv_heads * self.key_width()
    }

    /// Width of all values of a token together that are cached beside the keys.
    pub(crate) fn values_width(&self) -> usize {
        if self.latent.is_some() { 0 } else { self.kv_heads * self.head_dim }
    }

    /// Width of all keys and values of a token together, those of each head made out of its latent
    /// where it has one.
    pub(crate) fn opened_width(&self) -> usize {
        match self.latent {
            Some(latent) => self.heads * (self.head_dim + latent.value),
            None => self.keys_width() + self.values_width(),
        }
    }

    /// Width of queries, keys and values side by side, as they are projected.
    pub(crate) fn qkv_width(&self) -> usize {
        self.query_width() + self.keys_width() + self.values_width()
    }

    /// Width of the rows in which a token's queries meet keys: queries, and where they are as they
    /// were projected, what was projected beside them.
    pub(crate) fn meeting_width(&self) -> usize {
        self.latent.map_or(self.qkv_width(), |latent| self.heads * latent.line())
    }

    /// Width of what all heads attended to.
    pub(crate) fn attended_width(&self) -> usize {
        self.heads * self.value_width()
    }

    /// Width of what the output projection reads.
    pub(crate) fn given_width(&self) -> usize {
        self.heads * self.latent.map_or(self.head_dim, |latent| latent.value)
    }

    /// The first position that a token at `position` attends to.
    pub(crate) fn first(&self, position: usize) -> usize {
        (position + 1).saturating_sub(self.window.unwrap_or(usize::MAX))
    }
}
