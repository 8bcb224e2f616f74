//! What happens to rows beside products: embeddings, norms, turning by position, sums.

use pricket_simd::Kernels;

use super::latent::turn_lines;
use super::space::Place;
use super::weights::{DecoderWeights, LayerWeights, Projections};
use crate::ModelError;
use crate::blueprint::{Blueprint, RopePlan};

/// Angles of every token by one rope: (tokens, pairs) of each.
#[derive(Debug, Default)]
pub(crate) struct Angles {
    pub(crate) cos: Vec<f32>,
    pub(crate) sin: Vec<f32>,
}

impl Angles {
    /// None yet, for every rope of a blueprint.
    pub(crate) fn of(blueprint: &Blueprint) -> Vec<Self> {
        blueprint.ropes.iter().map(|_| Self::default()).collect()
    }

    /// Writes the angles of every place, in a cache with room for `context` tokens.
    pub(crate) fn fit(&mut self, places: &[Place], rope: &RopePlan, context: usize) {
        let pairs = rope.pairs();
        self.cos.resize(places.len() * pairs, 0.0);
        self.sin.resize(places.len() * pairs, 0.0);
        let rows = self.cos.chunks_exact_mut(pairs).zip(self.sin.chunks_exact_mut(pairs));
        for (place, (cos, sin)) in places.iter().zip(rows) {
            rope.angles(place.position, context, cos, sin);
        }
    }
}

/// Writes a token's row of the embedding.
pub(crate) fn embed(
    weights: &DecoderWeights,
    place: Place,
    row: &mut [f32],
) -> Result<(), ModelError> {
    weights.embedding.weight.row_into(place.id as usize, row)?;
    if let Some(scale) = weights.blueprint.embedding_scale {
        weights.kernels.scale(row, scale);
    }
    Ok(())
}

/// Normalises every row: (tokens, width) to (tokens, width).
pub(crate) fn norm_rows(
    kernels: &Kernels,
    x: &[f32],
    weight: &[f32],
    eps: f32,
    out: &mut [f32],
) -> Result<(), ModelError> {
    let width = weight.len();
    for (row, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        kernels.rms_norm(row, weight, eps, out)?;
    }
    Ok(())
}

/// Adds what a part of a layer gives to the residual stream, through the norm behind the part where
/// it has one: (tokens, hidden) each. `row` is where a normalised row stands.
pub(crate) fn add_rows(
    weights: &DecoderWeights,
    norm: Option<&[f32]>,
    given: &[f32],
    row: &mut Vec<f32>,
    x: &mut [f32],
) -> Result<(), ModelError> {
    let kernels = weights.kernels;
    let Some(norm) = norm else { return Ok(kernels.add_assign(x, given)?) };
    row.resize(norm.len(), 0.0);
    for (x, given) in x.chunks_exact_mut(norm.len()).zip(given.chunks_exact(norm.len())) {
        kernels.rms_norm(given, norm, weights.blueprint.norm_eps, row)?;
        kernels.add_assign(x, row)?;
    }
    Ok(())
}

/// Makes every query and key head of every token ready for attention, normalised and turned where
/// the layer wants it: (tokens, qkv) in place. `row` is where a head stands before its norm.
pub(crate) fn turn_rows(
    weights: &DecoderWeights,
    layer: &LayerWeights,
    angles: &[Angles],
    row: &mut Vec<f32>,
    qkv: &mut [f32],
) -> Result<(), ModelError> {
    let plan = &layer.plan.attention;
    let grouped = match &layer.attention.projections {
        Projections::Grouped(grouped) => grouped,
        Projections::Latent(latent) => {
            return turn_lines(weights, plan, &latent.norm, angles, row, qkv);
        }
    };
    if let Some(norms) = &grouped.head_norms {
        for qkv in qkv.chunks_exact_mut(plan.qkv_width()) {
            let (queries, rest) = qkv.split_at_mut(plan.query_width());
            let (keys, _) = rest.split_at_mut(plan.keys_width());
            for (heads, norm) in [queries, keys].into_iter().zip(norms) {
                norm_heads(weights, heads, (norm, weights.blueprint.norm_eps), row)?;
            }
        }
    }
    let place =
        plan.rope.and_then(|place| Some((weights.blueprint.ropes.get(place)?, angles.get(place)?)));
    let Some((rope, angles)) = place else { return Ok(()) };
    let turned = plan.query_width() + plan.keys_width();
    let pairs = rope.pairs();
    let angles = angles.cos.chunks_exact(pairs).zip(angles.sin.chunks_exact(pairs));
    for (row, (cos, sin)) in qkv.chunks_exact_mut(plan.qkv_width()).zip(angles) {
        let (heads, _) = row.split_at_mut(turned);
        for head in heads.chunks_exact_mut(plan.head_dim) {
            weights.kernels.rope(head, cos, sin, rope.pairing)?;
        }
    }
    Ok(())
}

/// Normalises every head in place.
pub(crate) fn norm_heads(
    weights: &DecoderWeights,
    heads: &mut [f32],
    (norm, eps): (&[f32], f32),
    row: &mut Vec<f32>,
) -> Result<(), ModelError> {
    for head in heads.chunks_exact_mut(norm.len()) {
        row.clear();
        row.extend_from_slice(head);
        weights.kernels.rms_norm(row, norm, eps, head)?;
    }
    Ok(())
}
