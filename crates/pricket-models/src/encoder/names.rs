//! What the tensors of each family are called.

use std::collections::BTreeSet;

use super::blueprint::{Activation, EncoderBlueprint, Family, Positions, Task};
use crate::tensor_source::label;
use crate::{ModelError, TensorSource};

/// A part of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Query,
    Key,
    Value,
    /// Queries, keys and values in one matrix.
    Projections,
    Output,
    AttentionNorm,
    Up,
    Gate,
    Down,
    FfnNorm,
}

/// The names of a layout.
#[derive(Debug)]
struct Layout {
    words: &'static str,
    types: &'static str,
    positions: &'static str,
    embedding_norm: &'static str,
    layers: &'static str,
    parts: &'static [(Part, &'static str)],
}

const BERT: Layout = Layout {
    words: WORDS,
    types: TYPES,
    positions: POSITIONS,
    embedding_norm: "embeddings.LayerNorm",
    layers: "encoder.layer.",
    parts: &[
        (Part::Query, "attention.self.query"),
        (Part::Key, "attention.self.key"),
        (Part::Value, "attention.self.value"),
        (Part::Output, "attention.output.dense"),
        (Part::AttentionNorm, "attention.output.LayerNorm"),
        (Part::Up, "intermediate.dense"),
        (Part::Down, "output.dense"),
        (Part::FfnNorm, "output.LayerNorm"),
    ],
};

/// As Nomic publishes, and as transformers 5 writes again.
const NOMIC: Layout = Layout {
    words: WORDS,
    types: TYPES,
    positions: POSITIONS,
    embedding_norm: "emb_ln",
    layers: "encoder.layers.",
    parts: &[
        (Part::Projections, "attn.Wqkv"),
        (Part::Output, "attn.out_proj"),
        (Part::AttentionNorm, "norm1"),
        (Part::Up, "mlp.fc11"),
        (Part::Gate, "mlp.fc12"),
        (Part::Down, "mlp.fc2"),
        (Part::FfnNorm, "norm2"),
    ],
};

/// As GGUF files have both families, with queries, keys and values apart.
const GGUF: Layout = Layout {
    words: GGUF_WORDS,
    types: "token_types.weight",
    positions: "position_embd.weight",
    embedding_norm: "token_embd_norm",
    layers: "blk.",
    parts: &[
        (Part::Query, "attn_q"),
        (Part::Key, "attn_k"),
        (Part::Value, "attn_v"),
        (Part::Output, "attn_output"),
        (Part::AttentionNorm, "attn_output_norm"),
        (Part::Up, "ffn_up"),
        (Part::Gate, "ffn_gate"),
        (Part::Down, "ffn_down"),
        (Part::FfnNorm, "layer_output_norm"),
    ],
};

/// The same with queries, keys and values in one.
const GGUF_FUSED: Layout = Layout {
    parts: &[
        (Part::Projections, "attn_qkv"),
        (Part::Output, "attn_output"),
        (Part::AttentionNorm, "attn_output_norm"),
        (Part::Up, "ffn_up"),
        (Part::Gate, "ffn_gate"),
        (Part::Down, "ffn_down"),
        (Part::FfnNorm, "layer_output_norm"),
    ],
    ..GGUF
};

const WORDS: &str = "embeddings.word_embeddings.weight";
const TYPES: &str = "embeddings.token_type_embeddings.weight";
const POSITIONS: &str = "embeddings.position_embeddings.weight";

/// The table of words in a GGUF file.
pub(super) const GGUF_WORDS: &str = "token_embd.weight";

/// What stands in front of all names where the body is part of a larger model.
const PREFIXES: [&str; 5] = ["", "bert.", "roberta.", "nomic_bert.", "model."];

/// Ends of names that an embedding does not need: tables that follow from the config, and the
/// layer behind the first token that only classifiers read.
const UNNEEDED: [&str; 5] = [
    "embeddings.position_ids",
    "embeddings.token_type_ids",
    "rotary_emb.inv_freq",
    "pooler.dense.weight",
    "pooler.dense.bias",
];

/// Names shown in a message; the rest is counted.
const SHOWN: usize = 4;

/// The names of an encoder's tensors.
#[derive(Debug)]
pub(super) struct Names {
    prefix: &'static str,
    layout: &'static Layout,
    /// How a norm's scale and shift are called.
    norm: [&'static str; 2],
}

impl Names {
    /// The names that a file uses.
    ///
    /// # Errors
    /// [`ModelError::TensorMissing`] where it has no table of words.
    pub(super) fn of(b: &EncoderBlueprint, source: &dyn TensorSource) -> Result<Self, ModelError> {
        if source.has(GGUF_WORDS) {
            let fused = source.has("blk.0.attn_qkv.weight");
            let layout = if fused { &GGUF_FUSED } else { &GGUF };
            return Ok(Self { prefix: "", layout, norm: ["weight", "bias"] });
        }
        let prefix = PREFIXES.into_iter().find(|prefix| source.has(&format!("{prefix}{WORDS}")));
        let prefix =
            prefix.ok_or_else(|| ModelError::TensorMissing { tensor: WORDS.to_owned() })?;
        let layout = match b.family {
            Family::Bert | Family::Roberta => &BERT,
            Family::Nomic => &NOMIC,
        };
        // As checkpoints from before 2019 call them.
        let former = ["gamma", "beta"];
        let norm = format!("{prefix}{}.{}", layout.embedding_norm, former[0]);
        let norm = if source.has(&norm) { former } else { ["weight", "bias"] };
        Ok(Self { prefix, layout, norm })
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The table of words.
    pub(super) fn words(&self) -> String {
        self.full(self.layout.words)
    }

    /// The table of kinds of tokens.
    pub(super) fn types(&self) -> String {
        self.full(self.layout.types)
    }

    /// The table of positions.
    pub(super) fn positions(&self) -> String {
        self.full(self.layout.positions)
    }

    /// Scale and shift of the norm behind the tables.
    pub(super) fn embedding_norm(&self) -> [String; 2] {
        self.norm.map(|kind| self.full(&format!("{}.{kind}", self.layout.embedding_norm)))
    }

    /// The matrices that give queries, keys and values, in this order.
    pub(super) fn projections(&self) -> &'static [Part] {
        let fused = self.layout.parts.iter().any(|(part, _)| *part == Part::Projections);
        if fused { &[Part::Projections] } else { &[Part::Query, Part::Key, Part::Value] }
    }

    /// Weight and bias of a matrix of a layer, or scale and shift of one of its norms.
    pub(super) fn layer(&self, layer: usize, part: Part) -> [String; 2] {
        let name = self.layout.parts.iter().find(|(known, _)| *known == part);
        let name = name.map_or("", |(_, name)| name);
        let kinds = match part {
            Part::AttentionNorm | Part::FfnNorm => self.norm,
            _ => ["weight", "bias"],
        };
        kinds.map(|kind| self.full(&format!("{}{layer}.{name}.{kind}", self.layout.layers)))
    }

    /// Weight and bias of the two matrices of a scorer's head.
    pub(super) fn head(&self, family: Family) -> [[String; 2]; 2] {
        let names = match family {
            Family::Roberta => ["classifier.dense".to_owned(), "classifier.out_proj".to_owned()],
            _ => [self.full("pooler.dense"), "classifier".to_owned()],
        };
        names.map(|name| ["weight", "bias"].map(|kind| format!("{name}.{kind}")))
    }

    /// Refuses a file with tensors that this family knows nothing of: without them its rows would
    /// be wrong. What lies outside the body is of no matter.
    pub(super) fn check_unused(
        &self,
        b: &EncoderBlueprint,
        source: &dyn TensorSource,
    ) -> Result<(), ModelError> {
        let mut known = BTreeSet::from([self.words(), self.types()]);
        known.extend(self.embedding_norm());
        if matches!(b.positions, Positions::Learned { .. }) {
            known.insert(self.positions());
        }
        for layer in 0..b.layers {
            for (part, _) in self.layout.parts {
                if *part != Part::Gate || b.activation == Activation::SiluGated {
                    known.extend(self.layer(layer, *part));
                }
            }
        }
        if matches!(b.task, Task::Scores { .. }) {
            known.extend(self.head(b.family).into_iter().flatten());
        }
        let outside = ["cls.", "lm_head.", "classifier."];
        let is_fine = |name: &str| {
            known.contains(name)
                || !name.starts_with(self.prefix)
                || UNNEEDED.iter().any(|end| name.ends_with(end))
                || outside.iter().any(|start| name.starts_with(start))
        };
        let unused: Vec<&str> = source.names().filter(|name| !is_fine(name)).collect();
        if unused.is_empty() {
            return Ok(());
        }
        let shown: Vec<_> = unused.iter().take(SHOWN).map(|name| label(name)).collect();
        let more = if unused.len() > SHOWN { ", ..." } else { "" };
        let names = format!("{}{more}", shown.join(", "));
        Err(ModelError::TensorsUnused { count: unused.len(), names })
    }
}
