//! Which tensors a model must have, and which of a file's would never be read.

use std::collections::BTreeSet;

use crate::blueprint::{Bias, Blueprint, LayerPart};
use crate::fused_experts::file_name;
use crate::tensor_source::label;
use crate::{ModelError, TensorSource};

/// Names shown in a message; the rest is counted.
const SHOWN: usize = 4;

/// Ends of names of tables that older writers stored beside the weights and that follow from the
/// config; and of the divisors of a rope's frequencies, which the mapping reads itself.
const DERIVED: [&str; 5] = [
    "rotary_emb.inv_freq",
    "attn_rot_embd.weight",
    "rope_freqs.weight",
    "rope_factors_short.weight",
    "rope_factors_long.weight",
];

/// What a file holds, held against what its architecture asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inventory {
    /// Tensors that the architecture asks for and the file does not have.
    pub(crate) missing: Vec<String>,
    /// Tensors that the file has and the architecture knows nothing of.
    pub(crate) unused: Vec<String>,
}

impl Inventory {
    /// Compares names only.
    pub(crate) fn of(b: &Blueprint, source: &dyn TensorSource) -> Self {
        let names = &b.names;
        let mut required = BTreeSet::from([names.embedding.into(), names.final_norm.into()]);
        let mut optional = BTreeSet::new();
        let head = if b.tied == Some(false) { &mut required } else { &mut optional };
        head.insert(names.head.to_owned());
        for (index, layer) in b.layers.iter().enumerate() {
            for (part, _) in b.norms(layer) {
                required.insert(names.layer(index, part, "weight"));
            }
            for (part, _) in b.vectors(layer) {
                required.insert(names.layer(index, part, "weight"));
            }
            for matrix in b.matrices(layer) {
                let name = names.layer(index, matrix.part, "weight");
                let of_heads = [LayerPart::HeadKeys, LayerPart::HeadValues].contains(&matrix.part);
                // What is shown of one tensor is missing where that is.
                let both = (of_heads && !source.has(&name))
                    .then(|| names.layer(index, LayerPart::HeadBoth, "weight"));
                let named = |shown: &str, kind| {
                    let name = (!source.has(shown)).then(|| file_name(b, index, matrix.part, kind));
                    name.flatten().unwrap_or_else(|| shown.to_owned())
                };
                let name = both.unwrap_or_else(|| named(&name, "weight"));
                required.insert(name);
                let bias = named(&names.layer(index, matrix.part, "bias"), "bias");
                match matrix.bias {
                    Bias::Absent => false,
                    Bias::Optional => optional.insert(bias),
                    Bias::Required => required.insert(bias),
                };
            }
        }
        let is_known = |name: &str| {
            let derived = DERIVED.iter().any(|end| name.ends_with(end));
            let skipped = b.skipped.iter().any(|start| name.starts_with(start.as_str()));
            derived || skipped || required.contains(name) || optional.contains(name)
        };
        Self {
            missing: required.iter().filter(|name| !source.has(name)).cloned().collect(),
            unused: source.names().filter(|name| !is_known(name)).map(str::to_owned).collect(),
        }
    }

    /// Refuses a file whose tensors are not those of its architecture.
    ///
    /// # Errors
    /// [`ModelError::TensorMissing`] for the first that is missing, else
    /// [`ModelError::TensorsUnused`].
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        if let Some(name) = self.missing.first() {
            return Err(ModelError::TensorMissing { tensor: name.clone() });
        }
        if self.unused.is_empty() {
            return Ok(());
        }
        let shown: Vec<_> = self.unused.iter().take(SHOWN).map(|name| label(name)).collect();
        let more = if self.unused.len() > SHOWN { ", ..." } else { "" };
        let names = format!("{}{more}", shown.join(", "));
        Err(ModelError::TensorsUnused { count: self.unused.len(), names })
    }
}
