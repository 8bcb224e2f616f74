//! A few tokens through a stage, the rows of its weights shared among all threads.

use std::ops::Range;
use std::sync::Arc;

use pricket_simd::{GROUP_ROWS, PackedMatrix, matmul};

use super::attention::{HeadSpace, attend_share};
use super::space::{Acts, Place};
use super::weights::{DecoderWeights, Linear};
use super::work::Work;
use crate::ModelError;
use crate::blueprint::Blueprint;

/// A stage of a layer: matrices that read the same activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Queries, keys and values.
    Project,
    /// Attention's output projection.
    Output,
    /// Gate and up, and the activation.
    GateUp,
    /// The feed-forward layer's way back.
    Down,
    /// The logits.
    Head,
}

/// What every worker reads to attend.
#[derive(Debug, Default)]
pub(crate) struct Queries {
    pub(crate) places: Vec<Place>,
    /// (tokens, qkv)
    pub(crate) qkv: Vec<f32>,
}

/// The caller's buffers for a pass by rows.
#[derive(Debug)]
pub(crate) struct RowBuffers {
    pub(crate) x: Vec<f32>,
    pub(crate) normed: Vec<f32>,
    pub(crate) attended: Vec<f32>,
    pub(crate) hidden: Vec<f32>,
    pub(crate) cos: Vec<f32>,
    pub(crate) sin: Vec<f32>,
    pub(crate) acts: Arc<Acts>,
    pub(crate) queries: Arc<Queries>,
    pub(crate) heads: HeadSpace,
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
            normed: Vec::new(),
            attended: Vec::new(),
            hidden: Vec::new(),
            cos: Vec::new(),
            sin: Vec::new(),
            acts: Arc::new(Acts::empty()),
            queries: Arc::default(),
            heads: HeadSpace::new(blueprint),
        }
    }
}

impl DecoderWeights {
    /// The matrices of a stage; unused places hold `None`.
    pub(crate) fn stage(&self, layer: usize, stage: Stage) -> [Option<&Linear>; 3] {
        if stage == Stage::Head {
            return [Some(self.head()), None, None];
        }
        let Some(parts) = self.layers.get(layer) else { return [None; 3] };
        match stage {
            Stage::Project => [Some(&parts.query), Some(&parts.key), Some(&parts.value)],
            Stage::Output => [Some(&parts.output), None, None],
            // The share of up is the share of gate.
            Stage::GateUp => [Some(&parts.gate), None, None],
            Stage::Down => [Some(&parts.down), None, None],
            Stage::Head => [None; 3],
        }
    }

    /// The share of a stage's rows that the worker `index` of `of` computes. All shares together
    /// are all rows; where a share begins depends on nothing but these numbers.
    pub(crate) fn segments(
        &self,
        layer: usize,
        stage: Stage,
        index: usize,
        of: usize,
    ) -> impl Iterator<Item = Segment<'_>> {
        let linears = self.stage(layer, stage);
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
        let stride: usize =
            weights.segments(layer, stage, self.index, self.of).map(|s| s.width).sum();
        let tokens = weights.segments(layer, stage, self.index, self.of).next();
        let tokens = tokens.map_or(0, |segment| acts.of(segment.linear).tokens());
        self.out.resize(tokens * stride, 0.0);
        let mut column = 0;
        for segment in weights.segments(layer, stage, self.index, self.of) {
            if stage == Stage::GateUp {
                self.gate_up(&weights, layer, segment, &acts, tokens * stride)?;
                continue;
            }
            let out = self.out.get_mut(column..).unwrap_or(&mut []);
            multiply(&weights, &segment, &acts, out, stride)?;
            column += segment.width;
        }
        Ok(())
    }

    /// A share of gate, the same share of up, and the activation of the two.
    fn gate_up(
        &mut self,
        weights: &DecoderWeights,
        layer: usize,
        gate: Segment<'_>,
        acts: &Acts,
        len: usize,
    ) -> Result<(), ModelError> {
        let Some(parts) = weights.layers.get(layer) else { return Ok(()) };
        let (stride, space) = (gate.width, &mut self.space);
        space.gate.resize(len, 0.0);
        space.up.resize(len, 0.0);
        multiply(weights, &gate, acts, &mut space.gate, stride)?;
        let up = Segment { linear: &parts.up, ..gate };
        multiply(weights, &up, acts, &mut space.up, stride)?;
        Ok(weights.kernels.silu_mul(&space.gate, &space.up, &mut self.out)?)
    }

    /// Attends to this share of the pieces of every token's attention.
    pub(super) fn heads(&mut self) -> Result<(), ModelError> {
        let (Some(queries), Some(kv)) = (&self.queries, &self.kv) else { return Ok(()) };
        let share = (self.index, self.of);
        attend_share(&self.weights, kv, queries, share, &mut self.space.heads, &mut self.out)
    }
}

/// A segment's rows for every token: `out[token * stride + row]`.
fn multiply(
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
