//! The buffers of a pass. There is room for decoding from the first pass on (`room`); prompts grow
//! them to the longest seen. All are reused.

use pricket_simd::{ActKind, Activations, Kernels};

use crate::ModelError;
use crate::blueprint::Blueprint;

use super::attention::HeadSpace;
use super::weights::{DecoderWeights, Linear};

/// Where a token of a batch belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The token's id.
    pub(crate) id: u32,
    /// The slot of its sequence in the cache.
    pub(crate) slot: usize,
    /// Its position in the sequence.
    pub(crate) position: usize,
}

/// Activations as the kernels want them: floats, or int8 blocks, or both where one stage has
/// matrices of both kinds.
#[derive(Debug)]
pub(crate) struct Acts {
    floats: Activations,
    blocks: Activations,
}

impl Acts {
    /// No room yet.
    pub(crate) fn empty() -> Self {
        let empty = || Activations::with_capacity(0, 0);
        Self { floats: empty(), blocks: empty() }
    }

    /// Makes room for `tokens` rows of `cols` values, of each kind that the weights multiply.
    pub(crate) fn lay_out(&mut self, weights: &DecoderWeights, tokens: usize, cols: usize) {
        for kind in [ActKind::F32, ActKind::Q8] {
            if weights.multiply(kind) {
                *self.of_mut(kind) = Activations::with_capacity(tokens, cols);
            }
        }
    }

    /// Prepares `tokens` rows of `cols` values for every kind that `linears` want.
    pub(crate) fn set(
        &mut self,
        kernels: &Kernels,
        linears: &[&Linear],
        x: &[f32],
        tokens: usize,
        cols: usize,
    ) -> Result<(), ModelError> {
        for kind in [ActKind::F32, ActKind::Q8] {
            if linears.iter().any(|linear| linear.weight.activation_kind() == kind) {
                self.of_mut(kind).set(kernels, kind, x, tokens, cols)?;
            }
        }
        Ok(())
    }

    /// Makes room for `tokens` rows of `cols` values for every kind that `linear` wants.
    pub(crate) fn begin(
        &mut self,
        linear: &Linear,
        tokens: usize,
        cols: usize,
    ) -> Result<(), ModelError> {
        let kind = linear.weight.activation_kind();
        Ok(self.of_mut(kind).begin(kind, tokens, cols)?)
    }

    /// Prepares some columns: (tokens, width), from the column `first` on.
    pub(crate) fn set_columns(
        &mut self,
        kernels: &Kernels,
        linear: &Linear,
        first: usize,
        width: usize,
        x: &[f32],
    ) -> Result<(), ModelError> {
        let kind = linear.weight.activation_kind();
        Ok(self.of_mut(kind).set_columns(kernels, first, width, x)?)
    }

    /// The activations that a matrix wants.
    pub(crate) fn of(&self, linear: &Linear) -> &Activations {
        match linear.weight.activation_kind() {
            ActKind::Q8 => &self.blocks,
            _ => &self.floats,
        }
    }

    fn of_mut(&mut self, kind: ActKind) -> &mut Activations {
        match kind {
            ActKind::Q8 => &mut self.blocks,
            _ => &mut self.floats,
        }
    }
}

/// One thread's buffers for a tile of tokens.
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) places: Vec<Place>,
    /// The residual stream: (tokens, hidden).
    pub(crate) x: Vec<f32>,
    /// What a norm gives: (tokens, hidden).
    pub(crate) normed: Vec<f32>,
    pub(crate) acts: Acts,
    /// What the feed-forward layer's way back reads.
    pub(crate) inner: Acts,
    /// Queries, keys and values side by side: (tokens, qkv).
    pub(crate) qkv: Vec<f32>,
    /// What attention gives: (tokens, query width).
    pub(crate) attended: Vec<f32>,
    /// Some rows of a matrix times every token: (tokens, rows), and two more of the kind.
    pub(crate) gate: Vec<f32>,
    pub(crate) up: Vec<f32>,
    pub(crate) activated: Vec<f32>,
    pub(crate) heads: HeadSpace,
    /// Angles of every token: (tokens, head dim / 2) of each.
    pub(crate) cos: Vec<f32>,
    pub(crate) sin: Vec<f32>,
}

impl Space {
    pub(crate) fn new(blueprint: &Blueprint) -> Self {
        Self {
            places: Vec::new(),
            x: Vec::new(),
            normed: Vec::new(),
            acts: Acts::empty(),
            inner: Acts::empty(),
            qkv: Vec::new(),
            attended: Vec::new(),
            gate: Vec::new(),
            up: Vec::new(),
            activated: Vec::new(),
            heads: HeadSpace::new(blueprint),
            cos: Vec::new(),
            sin: Vec::new(),
        }
    }

    /// Makes every buffer fit a tile of `self.places` and writes the angles of their positions.
    pub(crate) fn fit(&mut self, blueprint: &Blueprint) {
        let tokens = self.places.len();
        self.x.resize(tokens * blueprint.hidden, 0.0);
        self.normed.resize(tokens * blueprint.hidden, 0.0);
        self.qkv.resize(tokens * blueprint.qkv_width(), 0.0);
        self.attended.resize(tokens * blueprint.query_width(), 0.0);
        let half = blueprint.head_dim / 2;
        fit_angles(&self.places, blueprint, half, &mut self.cos, &mut self.sin);
    }
}

/// Writes the angles of every place: (tokens, half) of each.
pub(crate) fn fit_angles(
    places: &[Place],
    blueprint: &Blueprint,
    half: usize,
    cos: &mut Vec<f32>,
    sin: &mut Vec<f32>,
) {
    cos.resize(places.len() * half, 0.0);
    sin.resize(places.len() * half, 0.0);
    let rows = cos.chunks_exact_mut(half).zip(sin.chunks_exact_mut(half));
    for (place, (cos, sin)) in places.iter().zip(rows) {
        blueprint.rope.angles(place.position, cos, sin);
    }
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

/// Turns every query and key head of every token: (tokens, qkv) in place.
pub(crate) fn rope_rows(
    kernels: &Kernels,
    blueprint: &Blueprint,
    qkv: &mut [f32],
    cos: &[f32],
    sin: &[f32],
) -> Result<(), ModelError> {
    let (dim, half) = (blueprint.head_dim, blueprint.head_dim / 2);
    let turned = blueprint.query_width() + blueprint.kv_width();
    let angles = cos.chunks_exact(half).zip(sin.chunks_exact(half));
    for (row, (cos, sin)) in qkv.chunks_exact_mut(blueprint.qkv_width()).zip(angles) {
        let (heads, _) = row.split_at_mut(turned.min(row.len()));
        for head in heads.chunks_exact_mut(dim) {
            kernels.rope(head, cos, sin, blueprint.rope.pairing)?;
        }
    }
    Ok(())
}
