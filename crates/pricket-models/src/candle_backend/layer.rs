//! One layer in candle's tensors.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use pricket_simd::RopePairing;

use super::attention::attend;
use super::candle;
use super::latent::by_latents;
use super::matrix::{Matrix, load_matrix, rms_norm, vector};
use crate::blueprint::{Blueprint, GATED, Gating, LayerPart, LayerPlan, RopePlan};
use crate::decoder::{Stored, load_bias, load_norm, load_row};
use crate::{Activation, ModelError, TensorSource};

/// Cosines and sines of an entry's positions, each (1, tokens, pairs).
pub(super) struct Angles {
    cos: Tensor,
    sin: Tensor,
    pairing: RopePairing,
}

/// A matrix and its bias.
#[derive(Debug, Clone)]
pub(super) struct Projection {
    pub(super) weight: Matrix,
    bias: Option<Tensor>,
}

#[derive(Debug)]
pub(super) struct Layer {
    pub(super) plan: LayerPlan,
    projections: BTreeMap<LayerPart, Projection>,
    norms: BTreeMap<LayerPart, Tensor>,
    pub(super) vectors: BTreeMap<LayerPart, Vec<f32>>,
}

impl Angles {
    pub(super) fn new(
        rope: &RopePlan,
        start: usize,
        tokens: usize,
        context: usize,
    ) -> Result<Self, ModelError> {
        let pairs = rope.pairs();
        let (mut cos, mut sin) = (vec![0.0; tokens * pairs], vec![0.0; tokens * pairs]);
        let rows = cos.chunks_exact_mut(pairs).zip(sin.chunks_exact_mut(pairs));
        for (index, (cos, sin)) in rows.enumerate() {
            rope.angles(start + index, context, cos, sin);
        }
        let tensor = |v| Tensor::from_vec(v, (1, tokens, pairs), &Device::Cpu).map_err(candle);
        Ok(Self { cos: tensor(cos)?, sin: tensor(sin)?, pairing: rope.pairing })
    }

    /// Rotates every pair of every head, (heads, tokens, head dim); values behind the pairs stay.
    pub(super) fn rotate(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let (heads, tokens, dim) = x.dims3()?;
        let (_, _, pairs) = self.cos.dims3()?;
        let turned = x.narrow(2, 0, 2 * pairs)?;
        let (a, b) = match self.pairing {
            RopePairing::Interleaved => {
                let pairs = turned.reshape((heads, tokens, pairs, 2))?;
                (pairs.narrow(3, 0, 1)?.squeeze(3)?, pairs.narrow(3, 1, 1)?.squeeze(3)?)
            }
            _ => (turned.narrow(2, 0, pairs)?, turned.narrow(2, pairs, pairs)?),
        };
        let turned_a = (a.broadcast_mul(&self.cos)? - b.broadcast_mul(&self.sin)?)?;
        let turned_b = (b.broadcast_mul(&self.cos)? + a.broadcast_mul(&self.sin)?)?;
        let turned = match self.pairing {
            RopePairing::Interleaved => {
                Tensor::stack(&[turned_a, turned_b], 3)?.reshape((heads, tokens, 2 * pairs))?
            }
            _ => Tensor::cat(&[turned_a, turned_b], 2)?,
        };
        if dim == 2 * pairs {
            return Ok(turned);
        }
        Tensor::cat(&[turned, x.narrow(2, 2 * pairs, dim - 2 * pairs)?], 2)
    }
}

impl Projection {
    pub(super) fn load(
        source: &dyn TensorSource,
        stored: &Stored,
        floats: bool,
    ) -> Result<Self, ModelError> {
        let weight = load_matrix(source, stored, floats)?;
        let bias = load_bias(source, stored)?.map(vector).transpose()?;
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
    /// Reads the norms of a layer whose projections have been read.
    pub(super) fn new(
        source: &dyn TensorSource,
        b: &Blueprint,
        (index, plan): (usize, &LayerPlan),
        mut projections: BTreeMap<LayerPart, Projection>,
    ) -> Result<Self, ModelError> {
        let keys = projections.get_mut(&LayerPart::HeadKeys);
        if let (Some(latent), Some(keys)) = (plan.attention.latent, keys) {
            keys.weight = by_latents(&keys.weight, plan.attention.heads, latent)?;
        }
        let norms = b.norms(plan).into_iter().map(|(part, len)| {
            let name = b.names.layer(index, part, "weight");
            Ok((part, vector(load_norm(source, b, &name, len)?)?))
        });
        let norms = norms.collect::<Result<_, ModelError>>()?;
        let vectors = b.vectors(plan).into_iter().map(|(part, len)| {
            Ok((part, load_row(source, &b.names.layer(index, part, "weight"), len)?))
        });
        let vectors = vectors.collect::<Result<_, ModelError>>()?;
        Ok(Self { plan: plan.clone(), projections, norms, vectors })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.projections.values().map(|projection| projection.weight.bytes()).sum()
    }

    /// A projection of the stream.
    pub(super) fn project(&self, part: LayerPart, x: &Tensor) -> Result<Tensor, ModelError> {
        let missing = || ModelError::Candle(format!("the layer has no {part:?}"));
        self.projections.get(&part).ok_or_else(missing)?.apply(x)
    }

    /// The stream through a norm, where the layer has it.
    pub(super) fn norm(&self, part: LayerPart, eps: f32, x: Tensor) -> Result<Tensor, ModelError> {
        match self.norms.get(&part) {
            Some(norm) => rms_norm(&x, norm, eps),
            None => Ok(x),
        }
    }

    /// The residual stream of an entry through this layer: (tokens, hidden). `cache` holds what the
    /// sequence's first `start` tokens left, and takes the entry's own.
    pub(super) fn forward(
        &self,
        b: &Blueprint,
        x: &Tensor,
        angles: &[Angles],
        start: usize,
        cache: &mut Option<(Tensor, Tensor)>,
    ) -> Result<Tensor, ModelError> {
        let eps = b.norm_eps;
        let normed = self.norm(LayerPart::AttentionNorm, eps, x.clone())?;
        let plan = &self.plan.attention;
        let angles = plan.rope.and_then(|place| angles.get(place));
        let heads = match plan.latent {
            Some(latent) => self.heads_of_latent(latent, &normed, angles)?,
            None => self.heads(eps, &normed, angles)?,
        };
        let sinks = self.vectors.get(&LayerPart::Sinks).map(Vec::as_slice);
        let attended = attend((plan, sinks), heads, start, cache).map_err(candle)?;
        let attended = self.project(LayerPart::Output, &attended)?;
        let x = (x + self.norm(LayerPart::AttentionPostNorm, eps, attended)?).map_err(candle)?;
        let normed = self.norm(LayerPart::FfnNorm, eps, x.clone())?;
        let given = match &self.plan.ffn.experts {
            Some(experts) => self.mix(experts, &normed)?,
            None => self.gated(GATED, &normed)?,
        };
        (x + self.norm(LayerPart::FfnPostNorm, eps, given)?).map_err(candle)
    }

    /// Queries, keys and values out of normalised rows, (tokens, hidden), normalised and turned
    /// where the layer wants it: each (its heads, tokens, head dim).
    fn heads(
        &self,
        eps: f32,
        x: &Tensor,
        angles: Option<&Angles>,
    ) -> Result<[Tensor; 3], ModelError> {
        let plan = &self.plan.attention;
        let heads = |part, count| split(&self.project(part, x)?, count).map_err(candle);
        let queries = self.norm(LayerPart::QueryNorm, eps, heads(LayerPart::Query, plan.heads)?)?;
        let keys = self.norm(LayerPart::KeyNorm, eps, heads(LayerPart::Key, plan.kv_heads)?)?;
        let values = heads(LayerPart::Value, plan.kv_heads)?;
        Ok([turned(angles, queries)?, turned(angles, keys)?, values])
    }

    /// What a gated feed-forward layer gives: (tokens, hidden).
    pub(super) fn gated(
        &self,
        [gate, up, down]: [LayerPart; 3],
        x: &Tensor,
    ) -> Result<Tensor, ModelError> {
        let gate = self.project(gate, x)?;
        let up = self.project(up, x)?;
        let inner = match self.plan.ffn.gating {
            Gating::Plain(Activation::Silu) => gate.silu().and_then(|gate| gate * up),
            // Candle's `gelu` is the tanh form.
            Gating::Plain(Activation::GeluTanh) => gate.gelu().and_then(|gate| gate * up),
            Gating::Bounded { alpha, limit } => bounded(&gate, &up, alpha.into(), limit.into()),
        };
        self.project(down, &inner.map_err(candle)?)
    }
}

/// `(up + 1) * gate * sigmoid(alpha * gate)`, both bounded before.
fn bounded(gate: &Tensor, up: &Tensor, alpha: f64, limit: f64) -> candle_core::Result<Tensor> {
    let (gate, up) = (gate.minimum(limit)?, up.clamp(-limit, limit)?);
    let chance = ((&gate * -alpha)?.exp()? + 1.0)?.recip()?;
    (gate * chance)? * (up + 1.0)?
}

/// Rows cut into heads: (tokens, heads * head dim) to (heads, tokens, head dim).
pub(super) fn split(x: &Tensor, heads: usize) -> candle_core::Result<Tensor> {
    let (tokens, width) = x.dims2()?;
    x.reshape((tokens, heads, width / heads))?.transpose(0, 1)?.contiguous()
}

/// Heads, (heads, tokens, head dim), turned where there is something to turn them by.
pub(super) fn turned(angles: Option<&Angles>, heads: Tensor) -> Result<Tensor, ModelError> {
    match angles {
        Some(angles) => angles.rotate(&heads).map_err(candle),
        None => Ok(heads),
    }
}
