//! How families of files name their tensors.

/// The parts of a decoder layer that have weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LayerPart {
    AttentionNorm,
    Query,
    Key,
    Value,
    /// Down to the latent that queries come from.
    QueryDown,
    /// What is cached of a token in latent attention, before it is normalised and turned.
    Line,
    /// Of each head, what takes queries into the latent's space: (heads * rank, plain).
    HeadKeys,
    /// Of each head, what takes values out of the latent: (heads * value, rank).
    HeadValues,
    /// Both in one tensor: head after head, its keys' rows and then its values'.
    HeadBoth,
    /// The norm of each head of queries, or of the latent that they come from.
    QueryNorm,
    /// The same of keys.
    KeyNorm,
    /// Of each query head, a score that has no value.
    Sinks,
    Output,
    AttentionPostNorm,
    FfnNorm,
    Gate,
    Up,
    Down,
    /// The matrix that gives every expert a logit.
    Router,
    SelectionBias,
    SharedGate,
    SharedUp,
    SharedDown,
    SharedScale,
    /// Of the expert of this number.
    ExpertGate(usize),
    ExpertUp(usize),
    ExpertDown(usize),
    /// Gate and up of all experts in one tensor, their rows in turns.
    ExpertBoth,
    FfnPostNorm,
}

/// The three matrices of a feed-forward layer.
pub(crate) const GATED: [LayerPart; 3] = [LayerPart::Gate, LayerPart::Up, LayerPart::Down];

/// The same of shared experts, which stand side by side in them.
pub(crate) const SHARED: [LayerPart; 3] =
    [LayerPart::SharedGate, LayerPart::SharedUp, LayerPart::SharedDown];

impl LayerPart {
    /// The three matrices of an expert.
    pub(crate) fn of_expert(expert: usize) -> [Self; 3] {
        [Self::ExpertGate(expert), Self::ExpertUp(expert), Self::ExpertDown(expert)]
    }

    /// Whether it is a matrix of one of many experts.
    pub(crate) fn is_of_expert(self) -> bool {
        self.expert().1.is_some()
    }

    /// Of an expert, its number, and the part as the tables of names have it.
    fn expert(self) -> (Self, Option<usize>) {
        match self {
            Self::ExpertGate(expert) => (Self::ExpertGate(0), Some(expert)),
            Self::ExpertUp(expert) => (Self::ExpertUp(0), Some(expert)),
            Self::ExpertDown(expert) => (Self::ExpertDown(0), Some(expert)),
            part => (part, None),
        }
    }
}

/// What stands in a name for the expert's number.
const NUMBER: &str = "{}";

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
    /// matrices. Those of experts have the number 0 here, and `{}` in the name where it stands; a
    /// name without is that of all of them, in a tensor with an axis more.
    pub(crate) parts: &'static [(LayerPart, &'static str)],
    /// Names that stand for those in `parts`.
    pub(crate) other: &'static [(LayerPart, &'static str)],
}

impl TensorNames {
    /// `blk.3.attn_q.weight`: the name of a layer's weight or bias.
    pub(crate) fn layer(&self, layer: usize, part: LayerPart, kind: &str) -> String {
        let (before, behind) = self.layer;
        let name = self.part(part);
        if matches!(part, LayerPart::SelectionBias | LayerPart::Sinks) {
            return format!("{before}{layer}{behind}{name}");
        }
        match (part.expert().1, name.split_once(NUMBER)) {
            (Some(expert), Some((first, last))) => {
                format!("{before}{layer}{behind}{first}{expert}{last}.{kind}")
            }
            _ => format!("{before}{layer}{behind}{name}.{kind}"),
        }
    }

    /// Whether a part's tensor holds that of every expert.
    pub(crate) fn is_stack(&self, part: LayerPart) -> bool {
        part.expert().1.is_some() && !self.part(part).contains(NUMBER)
    }

    /// What a part is called in every layer; nothing where these files have no such part.
    pub(crate) fn part(&self, part: LayerPart) -> &'static str {
        let (part, _) = part.expert();
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
        (LayerPart::Sinks, "attn_sinks.weight"),
        (LayerPart::Output, "attn_output"),
        (LayerPart::AttentionPostNorm, "post_attention_norm"),
        (LayerPart::FfnNorm, "ffn_norm"),
        (LayerPart::Gate, "ffn_gate"),
        (LayerPart::Up, "ffn_up"),
        (LayerPart::Down, "ffn_down"),
        (LayerPart::Router, "ffn_gate_inp"),
        (LayerPart::SelectionBias, "exp_probs_b.bias"),
        (LayerPart::SharedGate, "ffn_gate_shexp"),
        (LayerPart::SharedUp, "ffn_up_shexp"),
        (LayerPart::SharedDown, "ffn_down_shexp"),
        (LayerPart::SharedScale, "ffn_gate_inp_shexp"),
        (LayerPart::ExpertGate(0), "ffn_gate_exps"),
        (LayerPart::ExpertUp(0), "ffn_up_exps"),
        (LayerPart::ExpertDown(0), "ffn_down_exps"),
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
        (LayerPart::Sinks, "self_attn.sinks"),
        (LayerPart::Output, "self_attn.o_proj"),
        (LayerPart::FfnNorm, "post_attention_layernorm"),
        (LayerPart::Gate, "mlp.gate_proj"),
        (LayerPart::Up, "mlp.up_proj"),
        (LayerPart::Down, "mlp.down_proj"),
        (LayerPart::Router, "mlp.gate"),
        (LayerPart::SelectionBias, "mlp.gate.e_score_correction_bias"),
        (LayerPart::SharedGate, "mlp.shared_experts.gate_proj"),
        (LayerPart::SharedUp, "mlp.shared_experts.up_proj"),
        (LayerPart::SharedDown, "mlp.shared_experts.down_proj"),
        (LayerPart::ExpertGate(0), "mlp.experts.{}.gate_proj"),
        (LayerPart::ExpertUp(0), "mlp.experts.{}.up_proj"),
        (LayerPart::ExpertDown(0), "mlp.experts.{}.down_proj"),
        (LayerPart::FfnPostNorm, "post_feedforward_layernorm"),
    ],
    other: &[],
};
