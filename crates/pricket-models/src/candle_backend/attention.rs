//! Attention in candle's tensors.

use candle_core::{D, Device, Tensor};

use super::matrix::soft_cap;
use crate::blueprint::AttentionPlan;

/// Scaled dot-product attention over the cache and the entry itself, of heads that were turned:
/// queries are (heads, tokens, head dim), keys and values of so many heads as share them, and
/// values may be of another width: (tokens, heads * width of a value).
pub(super) fn attend(
    (plan, sinks): (&AttentionPlan, Option<&[f32]>),
    [queries, mut keys, mut values]: [Tensor; 3],
    start: usize,
    cache: &mut Option<(Tensor, Tensor)>,
) -> candle_core::Result<Tensor> {
    let ((heads, tokens, width), (kv_heads, _, value)) = (queries.dims3()?, values.dims3()?);
    if start > 0
        && let Some((old_keys, old_values)) = cache.take()
    {
        keys = Tensor::cat(&[old_keys.narrow(1, 0, start)?, keys], 1)?;
        values = Tensor::cat(&[old_values.narrow(1, 0, start)?, values], 1)?;
    }
    *cache = Some((keys.clone(), values.clone()));
    let (group, positions) = (heads / kv_heads, start + tokens);
    // (kv heads, group * tokens, head dim): consecutive query heads share a key-value head.
    let queries = queries.reshape((kv_heads, group * tokens, width))?;
    let scores = queries.matmul(&keys.transpose(1, 2)?.contiguous()?)?;
    let scores = soft_cap(&(scores * f64::from(plan.scale))?, plan.cap)?;
    let scores = scores.reshape((heads, tokens, positions))?;
    let scores = scores.broadcast_add(&mask(plan, start, tokens)?)?;
    let mut peak = scores.max_keepdim(D::Minus1)?;
    // (heads, 1, 1): one more score of each head, which has no value.
    let sinks = sinks.map(|sinks| Tensor::from_slice(sinks, (heads, 1, 1), &Device::Cpu));
    let sinks = sinks.transpose()?;
    if let Some(sinks) = &sinks {
        peak = peak.broadcast_maximum(sinks)?;
    }
    let weights = scores.broadcast_sub(&peak)?.exp()?;
    let mut total = weights.sum_keepdim(D::Minus1)?;
    if let Some(sinks) = &sinks {
        total = (total + sinks.broadcast_sub(&peak)?.exp()?)?;
    }
    let weights = weights.broadcast_div(&total)?;
    let weights = weights.reshape((kv_heads, group * tokens, positions))?;
    let attended = weights.matmul(&values)?.reshape((heads, tokens, value))?;
    attended.transpose(0, 1)?.contiguous()?.reshape((tokens, heads * value))
}

/// 0 where a token may look, minus infinity where it may not: (1, tokens, start + tokens).
fn mask(plan: &AttentionPlan, start: usize, tokens: usize) -> candle_core::Result<Tensor> {
    let positions = start + tokens;
    let row = |own: usize| {
        let seen = plan.first(own)..own + 1;
        (0..positions).map(move |at| if seen.contains(&at) { 0.0 } else { f32::NEG_INFINITY })
    };
    let values: Vec<f32> = (start..positions).flat_map(row).collect();
    Tensor::from_vec(values, (1, tokens, positions), &Device::Cpu)
}
