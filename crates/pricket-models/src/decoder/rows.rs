//! A few tokens through a stage, the rows of its weights shared among all threads.

use std::ops::Range;
use std::sync::Arc;

use pricket_simd::{GROUP_ROWS, PackedMatrix, matmul};

use super::attention::{HeadSpace, attend_share};
use super::experts::Mixing;
use super::heads::Angles;
use super::routing::Routing;
use super::space::{Acts, Place};
use super::weights::{DecoderWeights, GatedWeights, Linear};
use super::work::Work;
use crate::ModelError;
use crate::blueprint::{Blueprint, Gating};

/// A stage of a layer: matrices that read the same activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Queries, keys and values; or what is cached and the latent that queries come from.
    Project,
    /// Queries out of their latent.
    Query,
    /// Attention's output projection.
    Output,
    /// Gate and up, and the activation.
    GateUp,
    /// The feed-forward layer's way back.
    Down,
    /// The logits of experts.
    Router,
    /// The same of the expert that every worker was handed.
    ExpertGateUp,
    ExpertDown,
    /// The logits.
    Head,
}

/// What every worker reads to attend.
#[derive(Debug, Default)]
pub(crate) struct Queries {
    /// The layer that is attended with.
    pub(crate) layer: usize,
    pub(crate) places: Vec<Place>,
    /// (tokens, qkv)
    pub(crate) qkv: Vec<f32>,
    /// Where attention is latent: queries in its space, and then what they attended to.
    pub(crate) latent: Vec<f32>,
}

/// The caller's buffers for a pass by rows.
#[derive(Debug)]
pub(crate) struct RowBuffers {
    pub(crate) x: Vec<f32>,
    /// The rows of the stream that logits are wanted for.
    pub(crate) kept: Vec<f32>,
    pub(crate) normed: Vec<f32>,
    pub(crate) attended: Vec<f32>,
    pub(crate) hidden: Vec<f32>,
    /// The latent that queries come from, and the line of latent attention: (tokens, both).
    pub(crate) low: Vec<f32>,
    /// One for each rope.
    pub(crate) angles: Vec<Angles>,
    /// A row or a head before it is normalised, or after.
    pub(crate) row: Vec<f32>,
    pub(crate) acts: Arc<Acts>,
    pub(crate) queries: Arc<Queries>,
    pub(crate) heads: HeadSpace,
    pub(crate) routing: Routing,
    pub(crate) mixing: Mixing,
}

/// A share of one matrix: some of its groups, and where its rows go.
#[derive(Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) linear: &'a Linear,
    pub(crate) groups: Range<usize>,
    /// The first row's column in the stage's whole output.
    pub(crate) column: usize,
    /// How many rows.
    pub(crate) width: usize,
}

impl RowBuffers {
    pub(crate) fn new(blueprint: &Blueprint) -> Self {
        Self {
            x: Vec::new(),
            kept: Vec::new(),
            normed: Vec::new(),
            attended: Vec::new(),
            hidden: Vec::new(),
            low: Vec::new(),
            angles: Angles::of(blueprint),
            row: Vec::new(),
            acts: Arc::new(Acts::empty()),
            queries: Arc::default(),
            heads: HeadSpace::new(blueprint),
            routing: Routing::default(),
            mixing: Mixing::default(),
        }
    }
}

impl DecoderWeights {
    /// The matrices of a stage; unused places hold `None`. `expert` is whose rows the stages of an
    /// expert read.
    pub(crate) fn stage<'a>(
        &'a self,
        layer: usize,
        stage: Stage,
        expert: Option<&'a GatedWeights>,
    ) -> [Option<&'a Linear>; 3] {
        if stage == Stage::Head {
            return [Some(self.head()), None, None];
        }
        let Some(parts) = self.layers.get(layer) else { return [None; 3] };
        let (attention, ffn) = (&parts.attention, &parts.ffn);
        match stage {
            Stage::Project => {
                let ([first, second, third], count) = attention.first();
                [Some(first), Some(second), (count > 2).then_some(third)]
            }
            Stage::Query => [Some(attention.query()), None, None],
            Stage::Output => [Some(&attention.output), None, None],
            // The share of up is the share of gate.
            Stage::GateUp => [ffn.always.as_ref().map(|of| &of.gate), None, None],
            Stage::Down => [ffn.always.as_ref().map(|of| &of.down), None, None],
            Stage::Router => [ffn.experts.as_ref().map(|of| &of.router), None, None],
            Stage::ExpertGateUp => [expert.map(|of| &of.gate), None, None],
            Stage::ExpertDown => [expert.map(|of| &of.down), None, None],
            Stage::Head => [None; 3],
        }
    }

    /// The feed-forward layer whose gate a stage multiplies with, and what it makes of it.
    fn gated<'a>(
        &'a self,
        layer: usize,
        stage: Stage,
        expert: Option<&'a GatedWeights>,
    ) -> Option<(&'a GatedWeights, Gating)> {
        let parts = self.layers.get(layer)?;
        let of = match stage {
            Stage::GateUp => parts.ffn.always.as_ref(),
            Stage::ExpertGateUp => expert,
            _ => None,
        };
        Some((of?, parts.plan.ffn.gating))
    }

    /// The share of a stage's rows that the worker `index` of `of` computes.
    pub(crate) fn segments(
        &self,
        layer: usize,
        stage: Stage,
        index: usize,
        of: usize,
    ) -> impl Iterator<Item = Segment<'_>> {
        segments(self.stage(layer, stage, None), index, of)
    }
}

/// The share of some matrices' rows that the worker `index` of `of` computes. All shares together
/// are all rows; where a share begins depends on nothing but these numbers.
pub(crate) fn segments(
    linears: [Option<&Linear>; 3],
    index: usize,
    of: usize,
) -> impl Iterator<Item = Segment<'_>> {
    let total: usize = linears.iter().flatten().map(|l| l.weight.groups()).sum();
    let share = share(total, index, of);
    let (mut first_group, mut first_column) = (0, 0);
    linears.into_iter().flatten().filter_map(move |linear| {
        let (groups, rows) = (linear.weight.groups(), linear.rows());
        let start = share.start.max(first_group).min(first_group + groups) - first_group;
        let end = share.end.max(first_group).min(first_group + groups) - first_group;
        let column = first_column + start * GROUP_ROWS;
        first_group += groups;
        first_column += rows;
        let width = (end * GROUP_ROWS).min(rows).saturating_sub(start * GROUP_ROWS);
        (width > 0).then_some(Segment { linear, groups: start..end, column, width })
    })
}

/// The part `index` of `of` of `total` things, as even as it goes.
pub(crate) fn share(total: usize, index: usize, of: usize) -> Range<usize> {
    let of = of.max(1);
    total * index / of..total * (index + 1) / of
}

impl Work {
    /// Computes this share of a stage's rows for every token.
    pub(super) fn rows(&mut self, layer: usize, stage: Stage) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let Some(acts) = self.acts.take() else { return Ok(()) };
        let expert = self.expert.take();
        let linears = weights.stage(layer, stage, expert.as_deref());
        let share = || segments(linears, self.index, self.of);
        let stride: usize = share().map(|segment| segment.width).sum();
        let tokens = share().next().map_or(0, |segment| acts.of(segment.linear).tokens());
        let share = share();
        self.out.resize(tokens * stride, 0.0);
        let mut column = 0;
        for segment in share {
            if let Some(gated) = weights.gated(layer, stage, expert.as_deref()) {
                self.gate_up(&weights, gated, segment, &acts, tokens * stride)?;
                continue;
            }
            let out = self.out.get_mut(column..).unwrap_or(&mut []);
            multiply(&weights, &segment, &acts, out, stride)?;
            column += segment.width;
        }
        Ok(())
    }

    /// Attends to this share of the pieces of every token's attention.
    pub(super) fn heads(&mut self) -> Result<(), ModelError> {
        let (Some(queries), Some(kv)) = (&self.queries, &self.kv) else { return Ok(()) };
        let share = (self.index, self.of);
        let space = &mut self.space.heads;
        attend_share(&self.weights, kv, queries, share, space, &mut self.out)
    }
}

/// A segment's rows for every token: `out[token * stride + row]`.
pub(super) fn multiply(
    weights: &DecoderWeights,
    segment: &Segment<'_>,
    acts: &Acts,
    out: &mut [f32],
    stride: usize,
) -> Result<(), ModelError> {
    let weight: &PackedMatrix = &segment.linear.weight;
    let acts = acts.of(segment.linear);
    matmul(weights.kernels, weight, segment.groups.clone(), acts, out, stride)?;
    if let Some(bias) = &segment.linear.bias {
        let first = segment.groups.start * GROUP_ROWS;
        let bias = bias.get(first..first + segment.width).unwrap_or(&[]);
        for row in out.chunks_mut(stride) {
            if let Some(row) = row.get_mut(..segment.width) {
                weights.kernels.add_assign(row, bias)?;
            }
        }
    }
    Ok(())
}
