//! A group of texts through all layers, on one thread.

use std::ops::Range;

use pricket_simd::{Activations, GROUP_ROWS, Kernels, matmul};

use super::attention::attend;
use super::batch::EncoderText;
use super::blueprint::{Activation, Positions};
use super::space::Space;
use super::weights::{Dense, EncoderWeights, Layer, Norm, Table};
use crate::ModelError;

/// Groups of rows that are computed together: 96 rows of 512 tokens take 192 KiB.
const BLOCK_GROUPS: usize = 6;

impl EncoderWeights {
    /// Computes the rows of some texts that lie behind one another in `tokens`, and puts them
    /// behind `rows`.
    pub(super) fn pass(
        &self,
        tokens: &[u32],
        texts: &[EncoderText],
        space: &mut Space,
        rows: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        let hidden = self.blueprint.hidden;
        let count = texts.iter().map(|text| text.len).sum();
        space.fit(&self.blueprint, count)?;
        self.embed(tokens, texts, space)?;
        for layer in &self.layers {
            self.attention(layer, texts, space)?;
            self.feed_forward(layer, space)?;
        }
        let mut first = 0;
        for text in texts {
            let end = first + text.len * hidden;
            self.finish(space.x.get(first..end).unwrap_or_default(), rows)?;
            first = end;
        }
        Ok(())
    }

    /// Words, kinds and positions, and the norm behind them: (tokens, hidden).
    fn embed(
        &self,
        tokens: &[u32],
        texts: &[EncoderText],
        space: &mut Space,
    ) -> Result<(), ModelError> {
        let b = &self.blueprint;
        let mut rows = space.x.chunks_exact_mut(b.hidden);
        for text in texts {
            let ids = tokens.get(text.offset..text.offset + text.len).unwrap_or_default();
            for (position, (&id, x)) in ids.iter().zip(rows.by_ref()).enumerate() {
                let mut add = |table: &Table, row: usize, x: &mut [f32]| {
                    table.row_into(row, &mut space.row)?;
                    Ok::<_, ModelError>(self.kernels.add_assign(x, &space.row)?)
                };
                self.words.row_into(id as usize, x)?;
                add(&self.types, usize::from(position >= text.second_from), x)?;
                if let (Some(table), Positions::Learned { first, .. }) =
                    (&self.positions, b.positions)
                {
                    add(table, first + position, x)?;
                }
            }
        }
        self.norm(&self.embedding_norm, &mut space.x)
    }

    /// Queries, keys and values, attention within each text, the way back, and the norm.
    fn attention(
        &self,
        layer: &Layer,
        texts: &[EncoderText],
        space: &mut Space,
    ) -> Result<(), ModelError> {
        let (b, kernels) = (&self.blueprint, self.kernels);
        let width = 3 * b.hidden;
        let Some(one) = layer.projections.first() else { return Ok(()) };
        self.set(&mut space.acts, one, &space.x, b.hidden)?;
        let mut first = 0;
        for dense in &layer.projections {
            let (rows, places) = (dense.weight.rows(), space.qkv.get_mut(first..));
            let places = places.unwrap_or_default();
            multiply(kernels, dense, 0..rows, &space.acts, places, width)?;
            first += rows;
        }
        let (mut qkv, mut attended) = (&mut space.qkv[..], &mut space.attended[..]);
        for text in texts {
            let (own, behind) = qkv.split_at_mut(text.len * width);
            let (out, rest) = attended.split_at_mut(text.len * b.hidden);
            space.heads.rotate(kernels, b, own)?;
            attend(kernels, b, own, &mut space.heads, out)?;
            (qkv, attended) = (behind, rest);
        }
        self.set(&mut space.acts, &layer.output, &space.attended, b.hidden)?;
        let x = &mut space.x;
        in_blocks(
            kernels,
            &layer.output,
            &space.acts,
            &mut space.block,
            |column, rows, product| add(kernels, x, b.hidden, column, rows, product),
        )?;
        self.norm(&layer.attention_norm, x)
    }

    /// Up, perhaps gated, the activation, down, and the norm. What stands between the two matrices
    /// is never whole in memory as rows: block after block becomes the activations of the way back.
    fn feed_forward(&self, layer: &Layer, space: &mut Space) -> Result<(), ModelError> {
        let (b, kernels) = (&self.blueprint, self.kernels);
        let tokens = space.x.len() / b.hidden;
        self.set(&mut space.acts, &layer.up, &space.x, b.hidden)?;
        space.inner.begin(layer.down.weight.activation_kind(), tokens, b.ffn)?;
        let (acts, inner) = (&space.acts, &mut space.inner);
        let (gates, gated) = (&mut space.gate, &mut space.gated);
        in_blocks(kernels, &layer.up, acts, &mut space.block, |column, rows, ups| {
            match (b.activation, &layer.gate) {
                (Activation::SiluGated, Some(gate)) => {
                    gates.resize(tokens * rows, 0.0);
                    gated.resize(tokens * rows, 0.0);
                    multiply(kernels, gate, column..column + rows, acts, gates, rows)?;
                    kernels.silu_mul(gates, ups, gated)?;
                    return Ok(inner.set_columns(kernels, column, rows, gated)?);
                }
                (Activation::GeluTanh, _) => kernels.gelu_tanh(ups),
                (Activation::Relu, _) => ups.iter_mut().for_each(|v| *v = v.max(0.0)),
                _ => kernels.gelu(ups),
            }
            Ok(inner.set_columns(kernels, column, rows, ups)?)
        })?;
        let x = &mut space.x;
        in_blocks(
            kernels,
            &layer.down,
            &space.inner,
            &mut space.block,
            |column, rows, product| add(kernels, x, b.hidden, column, rows, product),
        )?;
        self.norm(&layer.ffn_norm, x)
    }

    /// Lays rows of `cols` values out for a matrix.
    fn set(
        &self,
        acts: &mut Activations,
        dense: &Dense,
        x: &[f32],
        cols: usize,
    ) -> Result<(), ModelError> {
        let kind = dense.weight.activation_kind();
        Ok(acts.set(self.kernels, kind, x, x.len() / cols, cols)?)
    }

    /// Normalises every row in place: (tokens, hidden).
    fn norm(&self, norm: &Norm, x: &mut [f32]) -> Result<(), ModelError> {
        for row in x.chunks_exact_mut(self.blueprint.hidden) {
            self.kernels.layer_norm(row, &norm.weight, &norm.bias, self.blueprint.norm_eps)?;
        }
        Ok(())
    }
}

/// Computes a projection of every token by blocks of rows, and hands each on while it is in the
/// cache: its first row, how many rows, and (tokens, rows) values.
fn in_blocks(
    kernels: &Kernels,
    dense: &Dense,
    acts: &Activations,
    block: &mut Vec<f32>,
    mut take: impl FnMut(usize, usize, &mut [f32]) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let tokens = acts.tokens();
    for column in (0..dense.weight.rows()).step_by(BLOCK_GROUPS * GROUP_ROWS) {
        let rows = (dense.weight.rows() - column).min(BLOCK_GROUPS * GROUP_ROWS);
        block.resize(tokens * rows, 0.0);
        multiply(kernels, dense, column..column + rows, acts, block, rows)?;
        take(column, rows, block)?;
    }
    Ok(())
}

/// Some rows of a projection, the first of which begins a group, for every token: (tokens, rows),
/// with `stride` values from one token to the next.
fn multiply(
    kernels: &Kernels,
    dense: &Dense,
    rows: Range<usize>,
    acts: &Activations,
    out: &mut [f32],
    stride: usize,
) -> Result<(), ModelError> {
    let groups = rows.start / GROUP_ROWS..rows.end.div_ceil(GROUP_ROWS);
    matmul(kernels, &dense.weight, groups, acts, out, stride)?;
    if let Some(bias) = &dense.bias {
        let bias = bias.get(rows).unwrap_or_default();
        for row in out.chunks_mut(stride) {
            kernels.add_assign(row.get_mut(..bias.len()).unwrap_or_default(), bias)?;
        }
    }
    Ok(())
}

/// Adds a block of columns to rows of `width` values.
fn add(
    kernels: &Kernels,
    out: &mut [f32],
    width: usize,
    column: usize,
    rows: usize,
    product: &[f32],
) -> Result<(), ModelError> {
    for (row, product) in out.chunks_exact_mut(width).zip(product.chunks_exact(rows)) {
        if let Some(places) = row.get_mut(column..column + rows) {
            kernels.add_assign(places, product)?;
        }
    }
    Ok(())
}
