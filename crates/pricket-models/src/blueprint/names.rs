//! How families of files name their tensors.

/// The parts of a decoder layer that have weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LayerPart {
    AttentionNorm,
    Query,
    Key,
    Value,
    QueryNorm,
    KeyNorm,
    Output,
    AttentionPostNorm,
    FfnNorm,
    Gate,
    Up,
    Down,
    FfnPostNorm,
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
    /// Matrices of one name lie in one tensor, one below the other in the order of a layer's
    /// matrices.
    pub(crate) parts: &'static [(LayerPart, &'static str)],
    /// Names that stand for those in `parts`.
    pub(crate) other: &'static [(LayerPart, &'static str)],
}

impl TensorNames {
    /// `blk.3.attn_q.weight`: the name of a layer's weight or bias.
    pub(crate) fn layer(&self, layer: usize, part: LayerPart, kind: &str) -> String {
        let (before, behind) = self.layer;
        format!("{before}{layer}{behind}{}.{kind}", self.part(part))
    }

    /// What a part is called in every layer.
    pub(crate) fn part(&self, part: LayerPart) -> &'static str {
        let mut names = self.other.iter().chain(self.parts);
        names.find(|(known, _)| *known == part).map_or("", |(_, name)| name)
    }
}

/// Names in GGUF files.
pub(crate) const GGUF_NAMES: TensorNames = TensorNames {
    embedding: "token_embd.weight",
    final_norm: "output_norm.weight",
    head: "output.weight",
    layer: ("blk.", "."),
    parts: &[
        (LayerPart::AttentionNorm, "attn_norm"),
        (LayerPart::Query, "attn_q"),
        (LayerPart::Key, "attn_k"),
        (LayerPart::Value, "attn_v"),
        (LayerPart::QueryNorm, "attn_q_norm"),
        (LayerPart::KeyNorm, "attn_k_norm"),
        (LayerPart::Output, "attn_output"),
        (LayerPart::AttentionPostNorm, "post_attention_norm"),
        (LayerPart::FfnNorm, "ffn_norm"),
        (LayerPart::Gate, "ffn_gate"),
        (LayerPart::Up, "ffn_up"),
        (LayerPart::Down, "ffn_down"),
        (LayerPart::FfnPostNorm, "post_ffw_norm"),
    ],
    other: &[],
};

/// Names in checkpoints as transformers writes them.
pub(crate) const HF_NAMES: TensorNames = TensorNames {
    embedding: "model.embed_tokens.weight",
    final_norm: "model.norm.weight",
    head: "lm_head.weight",
    layer: ("model.layers.", "."),
    parts: &[
        (LayerPart::AttentionNorm, "input_layernorm"),
        (LayerPart::Query, "self_attn.q_proj"),
        (LayerPart::Key, "self_attn.k_proj"),
        (LayerPart::Value, "self_attn.v_proj"),
        (LayerPart::QueryNorm, "self_attn.q_norm"),
        (LayerPart::KeyNorm, "self_attn.k_norm"),
        (LayerPart::Output, "self_attn.o_proj"),
        (LayerPart::FfnNorm, "post_attention_layernorm"),
        (LayerPart::Gate, "mlp.gate_proj"),
        (LayerPart::Up, "mlp.up_proj"),
        (LayerPart::Down, "mlp.down_proj"),
        (LayerPart::FfnPostNorm, "post_feedforward_layernorm"),
    ],
    other: &[],
};
