//! The buffers of a pass. There is room for decoding from the first pass on (`room`); prompts grow
//! them to the longest seen. All are reused.

use pricket_simd::{ActKind, Activations, Kernels};

use crate::ModelError;
use crate::blueprint::Blueprint;

use super::attention::HeadSpace;
use super::experts::Mixing;
use super::heads::Angles;
use super::latent::LatentSpace;
use super::routing::Routing;
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
    /// What attention gives: (tokens, given width).
    pub(crate) attended: Vec<f32>,
    /// Some rows of a matrix times every token: (tokens, rows), and two more of the kind.
    pub(crate) gate: Vec<f32>,
    pub(crate) up: Vec<f32>,
    pub(crate) activated: Vec<f32>,
    pub(crate) heads: HeadSpace,
    pub(crate) latent: LatentSpace,
    /// One for each rope.
    pub(crate) angles: Vec<Angles>,
    /// A row or a head before it is normalised, or after.
    pub(crate) row: Vec<f32>,
    /// How many tokens the sequences' cache has room for.
    pub(crate) context: usize,
    pub(crate) routing: Routing,
    pub(crate) mixing: Mixing,
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
            latent: LatentSpace::new(),
            angles: Angles::of(blueprint),
            row: Vec::new(),
            context: 0,
            routing: Routing::default(),
            mixing: Mixing::default(),
        }
    }

    /// Makes the residual stream fit a tile of `self.places` and writes the angles of their
    /// positions. What a layer reads and writes fits itself to the layer.
    pub(crate) fn fit(&mut self, blueprint: &Blueprint) {
        let tokens = self.places.len();
        self.x.resize(tokens * blueprint.hidden, 0.0);
        self.normed.resize(tokens * blueprint.hidden, 0.0);
        for (angles, rope) in self.angles.iter_mut().zip(&blueprint.ropes) {
            angles.fit(&self.places, rope, self.context);
        }
    }
}
