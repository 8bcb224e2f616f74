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
    pub(crate) projections: Projections,
    /// One value for each query head.
    pub(crate) sinks: Option<Vec<f32>>,
    pub(crate) output: Linear,
}

/// What makes queries, keys and values.
#[derive(Debug)]
pub(crate) enum Projections {
    Grouped(GroupedWeights),
    Latent(LatentWeights),
}

/// Queries, keys and values of heads.
#[derive(Debug)]
pub(crate) struct GroupedWeights {
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    /// The norms of each head of queries and of keys.
    pub(crate) head_norms: Option<[Vec<f32>; 2]>,
}

/// Latent attention.
#[derive(Debug)]
pub(crate) struct LatentWeights {
    /// Down to the latent that queries come from, and its norm.
    pub(crate) down: Option<(Linear, Vec<f32>)>,
    pub(crate) query: Linear,
    /// What is cached of a token.
    pub(crate) line: Linear,
    /// The norm of the latent in it.
    pub(crate) norm: Vec<f32>,
    /// Of each head, what takes queries into the latent's space.
    pub(crate) keys: Linear,
    /// Of each head, what takes values out of it.
    pub(crate) values: Linear,
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
    /// None where they stay on disk.
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
    /// What experts on disk multiply.
    pub(crate) on_disk: Vec<ActKind>,
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

    pub(crate) fn linears_mut(&mut self) -> [&mut Linear; 3] {
        [&mut self.gate, &mut self.up, &mut self.down]
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

impl AttentionWeights {
    /// What makes queries, the last of it.
    pub(crate) fn query(&self) -> &Linear {
        match &self.projections {
            Projections::Grouped(grouped) => &grouped.query,
            Projections::Latent(latent) => &latent.query,
        }
    }

    /// The matrices that read what the attention's norm gives, in the order of what they make, and
    /// how many there are.
    pub(crate) fn first(&self) -> ([&Linear; 3], usize) {
        match &self.projections {
            Projections::Grouped(GroupedWeights { query, key, value, .. }) => {
                ([query, key, value], 3)
            }
            Projections::Latent(LatentWeights { down, query, line, .. }) => {
                let down = down.as_ref().map(|(down, _)| down);
                ([down.unwrap_or(query), line, line], 2)
            }
        }
    }

    fn linears(&self) -> impl Iterator<Item = &Linear> {
        let others = match &self.projections {
            Projections::Grouped(_) => [None; 3],
            Projections::Latent(latent) => {
                let query = latent.down.is_some().then_some(&latent.query);
                [query, Some(&latent.keys), Some(&latent.values)]
            }
        };
        let (first, count) = self.first();
        first.into_iter().take(count).chain(others.into_iter().flatten()).chain([&self.output])
    }

    /// Norms, and the sinks.
    fn norms(&self) -> impl Iterator<Item = &Vec<f32>> {
        let norms = match &self.projections {
            Projections::Grouped(grouped) => grouped
                .head_norms
                .as_ref()
                .map_or([None; 2], |[query, key]| [Some(query), Some(key)]),
            Projections::Latent(latent) => {
                [latent.down.as_ref().map(|(_, norm)| norm), Some(&latent.norm)]
            }
        };
        norms.into_iter().flatten().chain(&self.sinks)
    }
}

impl LayerWeights {
    fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.attention.linears().chain(self.ffn.linears())
    }

    fn norms(&self) -> impl Iterator<Item = &Vec<f32>> {
        let always = [&self.attention_norm, &self.ffn_norm].into_iter();
        let behind = self.attention_post_norm.iter().chain(&self.ffn_post_norm);
        always.chain(behind).chain(self.attention.norms()).chain(self.ffn.vectors())
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
        let in_memory = self.linears().any(|linear| linear.weight.activation_kind() == kind);
        in_memory || self.on_disk.contains(&kind)
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
