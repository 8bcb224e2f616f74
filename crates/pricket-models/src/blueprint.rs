//! A decoder on paper: its numbers, how it turns positions into angles, and what its tensors are
//! called. An architecture is a mapping from its config or metadata to this.

mod experts;
mod layer;
mod names;
mod rope;

pub(crate) use experts::{ExpertsPlan, GroupsPlan, Scoring};
pub(crate) use layer::{AttentionPlan, Bias, FfnPlan, Gating, LatentPlan, LayerPlan};
pub(crate) use names::{GATED, GGUF_NAMES, HF_NAMES, LayerPart, SHARED, TensorNames};
pub(crate) use rope::{LongRope, RopePlan};

/// A matrix that a layer has: its part, its rows and columns, and whether a bias comes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MatrixPlan {
    pub(crate) part: LayerPart,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) bias: Bias,
}

/// A decoder on paper.
#[derive(Debug, Clone)]
pub(crate) struct Blueprint {
    pub(crate) architecture: String,
    pub(crate) name: Option<String>,
    /// Width of the residual stream.
    pub(crate) hidden: usize,
    pub(crate) vocab: usize,
    /// The context that the model was trained for, in tokens.
    pub(crate) context: usize,
    pub(crate) norm_eps: f32,
    /// What files store norms less: 1 where they store the difference to it.
    pub(crate) norm_offset: f32,
    /// What embeddings are multiplied with on their way in.
    pub(crate) embedding_scale: Option<f32>,
    /// What bounds the logits: each becomes `cap * tanh(logit / cap)`.
    pub(crate) logit_cap: Option<f32>,
    /// The ways in which positions become angles; layers name theirs by its place.
    pub(crate) ropes: Vec<RopePlan>,
    pub(crate) layers: Vec<LayerPlan>,
    pub(crate) names: TensorNames,
    /// Whether the embedding serves as output projection; `None` leaves it to what the file holds.
    pub(crate) tied: Option<bool>,
    /// How the names of tensors begin that the files have and a decoder of text does not use.
    pub(crate) skipped: Vec<String>,
}

impl Blueprint {
    /// The largest that any layer has of something, 0 where there is no layer.
    pub(crate) fn widest(&self, of: impl Fn(&LayerPlan) -> usize) -> usize {
        self.layers.iter().map(of).max().unwrap_or(0)
    }

    /// Numbers that a token leaves in the cache, of all layers together.
    pub(crate) fn cached(&self) -> u64 {
        let of_layer = |plan: &AttentionPlan| plan.keys_width() + plan.values_width();
        self.layers.iter().map(|layer| of_layer(&layer.attention) as u64).sum()
    }

    /// The same of a cache that holds the keys and values of heads, where attention is latent too.
    pub(crate) fn opened(&self) -> u64 {
        self.layers.iter().map(|layer| layer.attention.opened_width() as u64).sum()
    }

    /// The matrices of a layer, in the order in which fused tensors hold them.
    pub(crate) fn matrices(&self, layer: &LayerPlan) -> Vec<MatrixPlan> {
        let (attention, ffn) = (&layer.attention, &layer.ffn);
        let matrix = |part, rows, cols, bias| MatrixPlan { part, rows, cols, bias };
        let mut matrices = self.projections(attention);
        let given = attention.given_width();
        matrices.push(matrix(LayerPart::Output, self.hidden, given, attention.output_bias));
        let mut gated = |[gate, up, down]: [LayerPart; 3], width| {
            matrices.push(matrix(gate, width, self.hidden, ffn.bias));
            matrices.push(matrix(up, width, self.hidden, ffn.bias));
            matrices.push(matrix(down, self.hidden, width, ffn.bias));
        };
        let Some(experts) = &ffn.experts else {
            gated(GATED, ffn.width);
            return matrices;
        };
        if ffn.width > 0 {
            gated(SHARED, ffn.width);
        }
        for expert in 0..experts.count {
            gated(LayerPart::of_expert(expert), experts.width);
        }
        matrices.push(matrix(LayerPart::Router, experts.count, self.hidden, experts.router_bias));
        matrices
    }

    /// The vectors of a layer that are neither norms nor biases of matrices, each with its length.
    pub(crate) fn vectors(&self, layer: &LayerPlan) -> Vec<(LayerPart, usize)> {
        let mut vectors = Vec::new();
        if layer.attention.sinks {
            vectors.push((LayerPart::Sinks, layer.attention.heads));
        }
        let Some(experts) = &layer.ffn.experts else { return vectors };
        if experts.selection_bias {
            vectors.push((LayerPart::SelectionBias, experts.count));
        }
        if experts.shared_scale {
            vectors.push((LayerPart::SharedScale, self.hidden));
        }
        vectors
    }

    /// The matrices of attention before its output.
    fn projections(&self, attention: &AttentionPlan) -> Vec<MatrixPlan> {
        let matrix = |part, rows, cols, bias| MatrixPlan { part, rows, cols, bias };
        let (heads, queries) = (attention.heads, attention.query_width());
        let Some(latent) = attention.latent else {
            let width = attention.keys_width();
            return vec![
                matrix(LayerPart::Query, queries, self.hidden, attention.bias),
                matrix(LayerPart::Key, width, self.hidden, attention.bias),
                matrix(LayerPart::Value, width, self.hidden, attention.bias),
            ];
        };
        let (keys, values) = (heads * latent.key_rows(), heads * latent.value_rows());
        let from = latent.query_rank.unwrap_or(self.hidden);
        let down = latent
            .query_rank
            .map(|rank| matrix(LayerPart::QueryDown, rank, self.hidden, attention.bias));
        let others = [
            matrix(LayerPart::Query, queries, from, Bias::Absent),
            matrix(LayerPart::Line, latent.line(), self.hidden, attention.bias),
            matrix(LayerPart::HeadKeys, keys, latent.plain, Bias::Absent),
            matrix(LayerPart::HeadValues, values, latent.rank, Bias::Absent),
        ];
        down.into_iter().chain(others).collect()
    }

    /// The norms of a layer, each with its length.
    pub(crate) fn norms(&self, layer: &LayerPlan) -> Vec<(LayerPart, usize)> {
        let mut norms =
            vec![(LayerPart::AttentionNorm, self.hidden), (LayerPart::FfnNorm, self.hidden)];
        if layer.post_norms {
            norms.push((LayerPart::AttentionPostNorm, self.hidden));
            norms.push((LayerPart::FfnPostNorm, self.hidden));
        }
        if layer.attention.head_norms {
            let width = layer.attention.head_dim;
            norms.extend([(LayerPart::QueryNorm, width), (LayerPart::KeyNorm, width)]);
        }
        if let Some(latent) = layer.attention.latent {
            norms.extend(latent.query_rank.map(|rank| (LayerPart::QueryNorm, rank)));
            norms.push((LayerPart::KeyNorm, latent.rank));
        }
        norms
    }
}
