//! A decoder on paper: its numbers, how it turns positions into angles, and what its tensors are
//! called. An architecture is a mapping from its config or metadata to this.

use pricket_simd::RopePairing;

/// The parts of a decoder layer that have weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LayerPart {
    AttentionNorm,
    Query,
    Key,
    Value,
    Output,
    FfnNorm,
    Gate,
    Up,
    Down,
}

/// How a family of files names its tensors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TensorNames {
    pub(crate) embedding: &'static str,
    pub(crate) final_norm: &'static str,
    /// The output projection; where it is absent, the embedding serves.
    pub(crate) head: &'static str,
    /// What stands before and behind a layer's number.
    pub(crate) layer: (&'static str, &'static str),
    pub(crate) parts: [(LayerPart, &'static str); 9],
}

impl TensorNames {
    /// `blk.3.attn_q.weight`: the name of a layer's weight or bias.
    pub(crate) fn layer(&self, layer: usize, part: LayerPart, kind: &str) -> String {
        let (before, behind) = self.layer;
        let part = self.parts.iter().find(|(known, _)| *known == part).map_or("", |(_, name)| name);
        format!("{before}{layer}{behind}{part}.{kind}")
    }
}

/// Names in GGUF files of the llama family.
pub(crate) const GGUF_NAMES: TensorNames = TensorNames {
    embedding: "token_embd.weight",
    final_norm: "output_norm.weight",
    head: "output.weight",
    layer: ("blk.", "."),
    parts: [
        (LayerPart::AttentionNorm, "attn_norm"),
        (LayerPart::Query, "attn_q"),
        (LayerPart::Key, "attn_k"),
        (LayerPart::Value, "attn_v"),
        (LayerPart::Output, "attn_output"),
        (LayerPart::FfnNorm, "ffn_norm"),
        (LayerPart::Gate, "ffn_gate"),
        (LayerPart::Up, "ffn_up"),
        (LayerPart::Down, "ffn_down"),
    ],
};

/// Names in checkpoints as transformers writes them.
pub(crate) const HF_NAMES: TensorNames = TensorNames {
    embedding: "model.embed_tokens.weight",
    final_norm: "model.norm.weight",
    head: "lm_head.weight",
    layer: ("model.layers.", "."),
    parts: [
        (LayerPart::AttentionNorm, "input_layernorm"),
        (LayerPart::Query, "self_attn.q_proj"),
        (LayerPart::Key, "self_attn.k_proj"),
        (LayerPart::Value, "self_attn.v_proj"),
        (LayerPart::Output, "self_attn.o_proj"),
        (LayerPart::FfnNorm, "post_attention_layernorm"),
        (LayerPart::Gate, "mlp.gate_proj"),
        (LayerPart::Up, "mlp.up_proj"),
        (LayerPart::Down, "mlp.down_proj"),
    ],
};

/// How positions become angles.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RopePlan {
    /// Radians per position, one for each pair: `head_dim / 2` values.
    pub(crate) inv_freq: Vec<f32>,
    /// Which values of a head form a pair.
    pub(crate) pairing: RopePairing,
}

impl RopePlan {
    /// Writes the cosines and sines of a position, `head_dim / 2` of each. The angle is rounded to
    /// f32 as the reference implementations round it; its cosine is exact beyond f32.
    pub(crate) fn angles(&self, position: usize, cos: &mut [f32], sin: &mut [f32]) {
        for ((freq, cos), sin) in self.inv_freq.iter().zip(cos).zip(sin) {
            let angle = f64::from(position as f32 * freq);
            *cos = angle.cos() as f32;
            *sin = angle.sin() as f32;
        }
    }
}

/// A decoder on paper.
#[derive(Debug, Clone)]
pub(crate) struct Blueprint {
    pub(crate) architecture: String,
    pub(crate) name: Option<String>,
    /// Width of the residual stream.
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    /// Width of the feed-forward layer.
    pub(crate) ffn: usize,
    pub(crate) vocab: usize,
    /// The context that the model was trained for, in tokens.
    pub(crate) context: usize,
    pub(crate) norm_eps: f32,
    pub(crate) rope: RopePlan,
    pub(crate) names: TensorNames,
    /// Whether the embedding serves as output projection; `None` leaves it to what the file holds.
    pub(crate) tied: Option<bool>,
}

impl Blueprint {
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

    /// What attention scores are multiplied with.
    pub(crate) fn attention_scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }
}
