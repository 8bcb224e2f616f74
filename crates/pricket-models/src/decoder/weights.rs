//! The weights of a decoder, as its passes read them.

use pricket_simd::{ActKind, Kernels, PackedMatrix};

use crate::blueprint::Blueprint;

/// A projection.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) weight: PackedMatrix,
    /// One value for each row of the weight.
    pub(crate) bias: Option<Vec<f32>>,
}

#[derive(Debug)]
pub(crate) struct LayerWeights {
    pub(crate) attention_norm: Vec<f32>,
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) output: Linear,
    pub(crate) ffn_norm: Vec<f32>,
    pub(crate) gate: Linear,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
}

/// Everything that a pass reads and nothing that it writes.
#[derive(Debug)]
pub(crate) struct DecoderWeights {
    pub(crate) blueprint: Blueprint,
    pub(crate) kernels: &'static Kernels,
    pub(crate) embedding: Linear,
    pub(crate) layers: Vec<LayerWeights>,
    pub(crate) final_norm: Vec<f32>,
    pub(super) head: Option<Linear>,
}

impl Linear {
    pub(crate) fn rows(&self) -> usize {
        self.weight.rows()
    }

    fn bytes(&self) -> u64 {
        self.weight.bytes() as u64 + self.bias.as_ref().map_or(0, |b| 4 * b.len() as u64)
    }
}

impl LayerWeights {
    fn linears(&self) -> [&Linear; 7] {
        [&self.query, &self.key, &self.value, &self.output, &self.gate, &self.up, &self.down]
    }
}

impl DecoderWeights {
    /// The output projection; the embedding, where the two are tied.
    pub(crate) fn head(&self) -> &Linear {
        self.head.as_ref().unwrap_or(&self.embedding)
    }

    fn linears(&self) -> impl Iterator<Item = &Linear> {
        let ends = std::iter::once(&self.embedding).chain(&self.head);
        ends.chain(self.layers.iter().flat_map(LayerWeights::linears))
    }

    /// Whether any matrix multiplies activations of this kind.
    pub(crate) fn multiply(&self, kind: ActKind) -> bool {
        self.linears().any(|linear| linear.weight.activation_kind() == kind)
    }

    /// Bytes that the weights occupy.
    pub(crate) fn bytes(&self) -> u64 {
        self.linears().map(Linear::bytes).sum()
    }

    /// How many weights there are, norms included.
    pub(crate) fn parameters(&self) -> u64 {
        let matrices: u64 =
            self.linears().map(|l| (l.weight.rows() * l.weight.cols()) as u64).sum();
        let norms = self.layers.len() * 2 * self.blueprint.hidden + self.blueprint.hidden;
        matrices + norms as u64
    }
}
