//! The weights of a decoder, as its passes read them.

use std::sync::Arc;

use pricket_simd::{ActKind, Kernels, PackedMatrix};

use crate::blueprint::{Blueprint, LayerPlan};

/// A projection.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) weight: PackedMatrix,
    /// One value for each row of the weight.
    pub(crate) bias: Option<Vec<f32>>,
}

/// A layer's attention.
#[derive(Debug)]
pub(crate) struct AttentionWeights {
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) output: Linear,
    /// The norms of each head of queries and of keys.
    pub(crate) head_norms: Option<[Vec<f32>; 2]>,
}

/// A gated feed-forward layer.
#[derive(Debug)]
pub(crate) struct GatedWeights {
    pub(crate) gate: Linear,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
}

/// A layer's experts.
#[derive(Debug)]
pub(crate) struct ExpertsWeights {
    pub(crate) router: Linear,
    /// One value for each expert.
    pub(crate) selection_bias: Option<Vec<f32>>,
    /// As wide as the residual stream.
    pub(crate) shared_scale: Option<Vec<f32>>,
    pub(crate) each: Vec<Arc<GatedWeights>>,
}

/// A layer's feed-forward part.
#[derive(Debug)]
pub(crate) struct FfnWeights {
    /// What every token goes through: the layer itself, or the shared experts.
    pub(crate) always: Option<GatedWeights>,
    pub(crate) experts: Option<ExpertsWeights>,
}

#[derive(Debug)]
pub(crate) struct LayerWeights {
    pub(crate) plan: LayerPlan,
    pub(crate) attention_norm: Vec<f32>,
    pub(crate) attention: AttentionWeights,
    pub(crate) attention_post_norm: Option<Vec<f32>>,
    pub(crate) ffn_norm: Vec<f32>,
    pub(crate) ffn: FfnWeights,
    pub(crate) ffn_post_norm: Option<Vec<f32>>,
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

    fn parameters(&self) -> u64 {
        let bias = self.bias.as_ref().map_or(0, Vec::len);
        (self.weight.rows() * self.weight.cols() + bias) as u64
    }
}

impl GatedWeights {
    pub(crate) fn linears(&self) -> [&Linear; 3] {
        [&self.gate, &self.up, &self.down]
    }
}

impl FfnWeights {
    fn linears(&self) -> impl Iterator<Item = &Linear> {
        let experts = self.experts.iter();
        let routed = experts.clone().flat_map(|experts| &experts.each);
        let gated = self.always.iter().chain(routed.map(|expert| &**expert));
        let routers = experts.map(|experts| &experts.router);
        gated.flat_map(GatedWeights::linears).chain(routers)
    }

    /// Vectors beside the matrices.
    fn vectors(&self) -> impl Iterator<Item = &Vec<f32>> {
        let experts = self.experts.iter();
        experts.flat_map(|experts| experts.selection_bias.iter().chain(&experts.shared_scale))
    }
}

impl LayerWeights {
    fn linears(&self) -> impl Iterator<Item = &Linear> {
        let AttentionWeights { query, key, value, output, .. } = &self.attention;
        [query, key, value, output].into_iter().chain(self.ffn.linears())
    }

    fn norms(&self) -> impl Iterator<Item = &Vec<f32>> {
        let always = [&self.attention_norm, &self.ffn_norm].into_iter();
        let behind = self.attention_post_norm.iter().chain(&self.ffn_post_norm);
        let heads = self.attention.head_norms.iter().flatten();
        always.chain(behind).chain(heads).chain(self.ffn.vectors())
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

    /// How many weights there are, norms and biases included.
    pub(crate) fn parameters(&self) -> u64 {
        let matrices: u64 = self.linears().map(Linear::parameters).sum();
        let norms = self.layers.iter().flat_map(LayerWeights::norms).map(Vec::len);
        matrices + (norms.sum::<usize>() + self.final_norm.len()) as u64
    }
}
