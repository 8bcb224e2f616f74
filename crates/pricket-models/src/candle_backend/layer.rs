//! One layer in candle's tensors.

use candle_core::{D, Device, Tensor};
use pricket_simd::RopePairing;

use super::candle;
use super::matrix::{Matrix, load_matrix, load_vector, rms_norm};
use crate::blueprint::{Blueprint, LayerPart};
use crate::{ModelError, TensorSource};

/// Cosines and sines of an entry's positions, each (1, tokens, head dim / 2).
pub(super) struct Angles {
    cos: Tensor,
    sin: Tensor,
}

#[derive(Debug)]
struct Projection {
    weight: Matrix,
    bias: Option<Tensor>,
}

#[derive(Debug)]
pub(super) struct Layer {
    attention_norm: Tensor,
    query: Projection,
    key: Projection,
    value: Projection,
    output: Projection,
    ffn_norm: Tensor,
    gate: Projection,
    up: Projection,
    down: Projection,
}

impl Angles {
    pub(super) fn new(b: &Blueprint, start: usize, tokens: usize) -> Result<Self, ModelError> {
        let half = b.head_dim / 2;
        let (mut cos, mut sin) = (vec![0.0; tokens * half], vec![0.0; tokens * half]);
        let rows = cos.chunks_exact_mut(half).zip(sin.chunks_exact_mut(half));
        for (index, (cos, sin)) in rows.enumerate() {
            b.rope.angles(start + index, cos, sin);
        }
        let tensor = |v| Tensor::from_vec(v, (1, tokens, half), &Device::Cpu).map_err(candle);
        Ok(Self { cos: tensor(cos)?, sin: tensor(sin)? })
    }

    /// Rotates every pair of every head: (heads, tokens, head dim).
    fn rotate(&self, x: &Tensor, pairing: RopePairing) -> candle_core::Result<Tensor> {
        let (heads, tokens, dim) = x.dims3()?;
        let half = dim / 2;
        let (a, b) = match pairing {
            RopePairing::Interleaved => {
                let pairs = x.reshape((heads, tokens, half, 2))?;
                (pairs.narrow(3, 0, 1)?.squeeze(3)?, pairs.narrow(3, 1, 1)?.squeeze(3)?)
            }
            _ => (x.narrow(2, 0, half)?, x.narrow(2, half, half)?),
        };
        let turned_a = (a.broadcast_mul(&self.cos)? - b.broadcast_mul(&self.sin)?)?;
        let turned_b = (b.broadcast_mul(&self.cos)? + a.broadcast_mul(&self.sin)?)?;
        match pairing {
            RopePairing::Interleaved => {
                Tensor::stack(&[turned_a, turned_b], 3)?.reshape((heads, tokens, dim))
            }
            _ => Tensor::cat(&[turned_a, turned_b], 2),
        }
    }
}

impl Projection {
    fn load(
        source: &dyn TensorSource,
        b: &Blueprint,
        layer: usize,
        part: LayerPart,
        shape: [usize; 2],
        floats: bool,
    ) -> Result<Self, ModelError> {
        let weight = load_matrix(source, &b.names.layer(layer, part, "weight"), shape, floats)?;
        let bias = b.names.layer(layer, part, "bias");
        let bias =
            if source.has(&bias) { Some(load_vector(source, &bias, shape[0])?) } else { None };
        Ok(Self { weight, bias })
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let y = self.weight.multiply(x)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias).map_err(candle),
            None => Ok(y),
        }
    }
}

impl Layer {
    pub(super) fn load(
        source: &dyn TensorSource,
        b: &Blueprint,
        layer: usize,
        floats: bool,
    ) -> Result<Self, ModelError> {
        let norm = |part| load_vector(source, &b.names.layer(layer, part, "weight"), b.hidden);
        let projection =
            |part, rows, cols| Projection::load(source, b, layer, part, [rows, cols], floats);
        let (q, kv) = (b.query_width(), b.kv_width());
        Ok(Self {
            attention_norm: norm(LayerPart::AttentionNorm)?,
            query: projection(LayerPart::Query, q, b.hidden)?,
            key: projection(LayerPart::Key, kv, b.hidden)?,
            value: projection(LayerPart::Value, kv, b.hidden)?,
            output: projection(LayerPart::Output, b.hidden, q)?,
            ffn_norm: norm(LayerPart::FfnNorm)?,
            gate: projection(LayerPart::Gate, b.ffn, b.hidden)?,
            up: projection(LayerPart::Up, b.ffn, b.hidden)?,
            down: projection(LayerPart::Down, b.hidden, b.ffn)?,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        [&self.query, &self.key, &self.value, &self.output, &self.gate, &self.up, &self.down]
            .iter()
            .map(|projection| projection.weight.bytes())
            .sum()
    }

    /// The residual stream of an entry through this layer: (tokens, hidden). `cache` holds what the
    /// sequence's first `start` tokens left, and takes the entry's own.
    pub(super) fn forward(
        &self,
        b: &Blueprint,
        x: &Tensor,
        angles: &Angles,
        start: usize,
        cache: &mut Option<(Tensor, Tensor)>,
    ) -> Result<Tensor, ModelError> {
        let normed = rms_norm(x, &self.attention_norm, b.norm_eps)?;
        let queries = self.query.apply(&normed)?;
        let keys = self.key.apply(&normed)?;
        let values = self.value.apply(&normed)?;
        let attended =
            attend(b, [&queries, &keys, &values], angles, start, cache).map_err(candle)?;
        let x = (x + self.output.apply(&attended)?).map_err(candle)?;
        let normed = rms_norm(&x, &self.ffn_norm, b.norm_eps)?;
        let gate = self.gate.apply(&normed)?.silu().map_err(candle)?;
        let up = self.up.apply(&normed)?;
        let down = self.down.apply(&(gate * up).map_err(candle)?)?;
        (x + down).map_err(candle)
    }
}

/// Scaled dot-product attention over the cache and the entry itself: (tokens, query width).
fn attend(
    b: &Blueprint,
    [queries, keys, values]: [&Tensor; 3],
    angles: &Angles,
    start: usize,
    cache: &mut Option<(Tensor, Tensor)>,
) -> candle_core::Result<Tensor> {
    let (tokens, _) = queries.dims2()?;
    let split = |x: &Tensor, heads: usize| {
        x.reshape((tokens, heads, b.head_dim))?.transpose(0, 1)?.contiguous()
    };
    let pairing = b.rope.pairing;
    let queries = angles.rotate(&split(queries, b.heads)?, pairing)?;
    let mut keys = angles.rotate(&split(keys, b.kv_heads)?, pairing)?;
    let mut values = split(values, b.kv_heads)?;
    if start > 0
        && let Some((old_keys, old_values)) = cache.take()
    {
        keys = Tensor::cat(&[old_keys.narrow(1, 0, start)?, keys], 1)?;
        values = Tensor::cat(&[old_values.narrow(1, 0, start)?, values], 1)?;
    }
    *cache = Some((keys.clone(), values.clone()));
    let group = b.heads / b.kv_heads;
    let positions = start + tokens;
    // (kv heads, group * tokens, head dim): consecutive query heads share a key-value head.
    let queries = queries.reshape((b.kv_heads, group * tokens, b.head_dim))?;
    let scores = queries.matmul(&keys.transpose(1, 2)?.contiguous()?)?;
    let scores = (scores * f64::from(b.attention_scale()))?;
    let scores = scores.reshape((b.heads, tokens, positions))?;
    let scores = scores.broadcast_add(&causal_mask(start, tokens)?)?;
    let peak = scores.max_keepdim(D::Minus1)?;
    let weights = scores.broadcast_sub(&peak)?.exp()?;
    let weights = weights.broadcast_div(&weights.sum_keepdim(D::Minus1)?)?;
    let weights = weights.reshape((b.kv_heads, group * tokens, positions))?;
    let attended = weights.matmul(&values)?.reshape((b.heads, tokens, b.head_dim))?;
    attended.transpose(0, 1)?.contiguous()?.reshape((tokens, b.query_width()))
}

/// 0 where a token may look, minus infinity where it may not: (1, tokens, start + tokens).
fn causal_mask(start: usize, tokens: usize) -> candle_core::Result<Tensor> {
    let positions = start + tokens;
    let row = |token: usize| {
        (0..positions).map(
            move |position| {
                if position > start + token { f32::NEG_INFINITY } else { 0.0 }
            },
        )
    };
    let values: Vec<f32> = (0..tokens).flat_map(row).collect();
    Tensor::from_vec(values, (1, tokens, positions), &Device::Cpu)
}
