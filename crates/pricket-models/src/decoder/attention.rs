//! Attention of one token over everything before it, head by head.

use std::ops::Range;

use pricket_simd::Head;

use super::kv::{HeadView, KvLayer};
use super::space::Place;
use super::weights::DecoderWeights;
use crate::ModelError;

/// Attends with some query heads of one token. `queries` is the token's row, all heads of it; `out`
/// takes `heads.len() * head_dim` values. Grouped-query attention (Ainslie et al. 2023):
/// consecutive query heads share a key-value head.
pub(crate) fn attend_heads(
    weights: &DecoderWeights,
    kv: &KvLayer,
    place: Place,
    queries: &[f32],
    heads: Range<usize>,
    scores: &mut Vec<f32>,
    out: &mut [f32],
) -> Result<(), ModelError> {
    let (blueprint, kernels) = (&weights.blueprint, weights.kernels);
    let dim = blueprint.head_dim;
    let group = blueprint.heads / blueprint.kv_heads;
    let scale = blueprint.attention_scale();
    let positions = place.position + 1;
    scores.resize(positions, 0.0);
    for (head, out) in heads.zip(out.chunks_exact_mut(dim)) {
        let query = queries.get(head * dim..(head + 1) * dim).unwrap_or(&[]);
        match kv.head(place.slot, head / group, positions) {
            (HeadView::F16(keys), HeadView::F16(values)) => {
                let head = Head::new(query, keys, values, dim, positions).scaled(scale);
                kernels.attend(&head, scores, out)?;
            }
            (HeadView::F32(keys), HeadView::F32(values)) => {
                let head = Head::new(query, keys, values, dim, positions).scaled(scale);
                kernels.attend(&head, scores, out)?;
            }
            _ => return Err(ModelError::CacheForeign),
        }
    }
    Ok(())
}
