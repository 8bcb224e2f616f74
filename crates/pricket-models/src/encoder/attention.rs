//! Attention of every token of a text to all of them.

use pricket_simd::{ATTENTION_CHUNK, Attended, AttentionSpace, AttentionTile, KEY_BLOCK, Kernels};

use super::blueprint::{EncoderBlueprint, Positions};
use crate::ModelError;

/// The most tokens whose queries attend together: their sums stay in the first-level cache.
const TILE_ROWS_MAX: usize = 64;

/// Buffers of attention: one head of one text at a time.
#[derive(Debug, Default)]
pub(super) struct HeadSpace {
    space: AttentionSpace,
    /// (tokens, head dim)
    queries: Vec<f32>,
    /// Blocks of positions: (blocks, head dim, `KEY_BLOCK`).
    keys: Vec<f32>,
    /// (tokens, head dim)
    values: Vec<f32>,
    /// How many positions each row sees: all.
    visible: Vec<usize>,
    sums: Vec<f32>,
    peaks: Vec<f32>,
    totals: Vec<f32>,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

/// Attends within one text: `qkv` is (tokens, 3 hidden), `out` (tokens, hidden).
pub(super) fn attend(
    kernels: &Kernels,
    b: &EncoderBlueprint,
    qkv: &[f32],
    space: &mut HeadSpace,
    out: &mut [f32],
) -> Result<(), ModelError> {
    let dim = b.head_dim();
    for head in 0..b.heads {
        space.gather(b, head, qkv);
        let tokens = space.values.len() / dim;
        let span = 0..tokens.next_multiple_of(ATTENTION_CHUNK);
        for first in (0..tokens).step_by(TILE_ROWS_MAX) {
            let rows = TILE_ROWS_MAX.min(tokens - first);
            space.visible.clear();
            space.visible.resize(rows, tokens);
            space.sums.resize(rows * dim, 0.0);
            space.peaks.resize(rows, 0.0);
            space.totals.clear();
            space.totals.resize(rows, 0.0);
            let tile = AttentionTile {
                queries: space.queries.get(first * dim..(first + rows) * dim).unwrap_or_default(),
                width: dim,
                value_width: dim,
                visible: &space.visible,
                window: None,
                first: 0,
                keys: &space.keys,
                values: &space.values,
                scale: b.attention_scale(),
                softcap: None,
            };
            let mut state = Attended {
                sums: &mut space.sums,
                peaks: &mut space.peaks,
                totals: &mut space.totals,
            };
            kernels.attend(&tile, span.clone(), &mut space.space, &mut state)?;
            kernels.finish_attended(&mut state, dim)?;
            let outs = out.chunks_exact_mut(b.hidden).skip(first);
            for (out, sums) in outs.zip(space.sums.chunks_exact(dim)) {
                if let Some(places) = out.get_mut(head * dim..(head + 1) * dim) {
                    places.copy_from_slice(sums);
                }
            }
        }
    }
    Ok(())
}

impl HeadSpace {
    /// Takes one head's queries, keys and values from between the others'.
    fn gather(&mut self, b: &EncoderBlueprint, head: usize, qkv: &[f32]) {
        let dim = b.head_dim();
        let tokens = qkv.len() / (3 * b.hidden);
        self.queries.clear();
        self.values.clear();
        // What a block holds beyond the text counts for nothing.
        self.keys.resize(tokens.next_multiple_of(KEY_BLOCK) * dim, 0.0);
        let blocks = self.keys.chunks_exact_mut(KEY_BLOCK * dim);
        for (rows, block) in qkv.chunks(KEY_BLOCK * 3 * b.hidden).zip(blocks) {
            for (position, row) in rows.chunks_exact(3 * b.hidden).enumerate() {
                let part = |which: usize| {
                    let start = which * b.hidden + head * dim;
                    row.get(start..start + dim).unwrap_or_default()
                };
                self.queries.extend_from_slice(part(0));
                self.values.extend_from_slice(part(2));
                for (column, key) in block.chunks_exact_mut(KEY_BLOCK).zip(part(1)) {
                    if let Some(place) = column.get_mut(position) {
                        *place = *key;
                    }
                }
            }
        }
    }

    /// Turns the queries and keys of one text by their positions, where the family does so: `qkv`
    /// is (tokens, 3 hidden).
    pub(super) fn rotate(
        &mut self,
        kernels: &Kernels,
        b: &EncoderBlueprint,
        qkv: &mut [f32],
    ) -> Result<(), ModelError> {
        let Positions::Rotary { base, dims, pairing } = b.positions else { return Ok(()) };
        let half = dims / 2;
        self.cos.resize(half, 0.0);
        self.sin.resize(half, 0.0);
        for (position, row) in qkv.chunks_exact_mut(3 * b.hidden).enumerate() {
            let places = self.cos.iter_mut().zip(&mut self.sin);
            for (pair, (cos, sin)) in places.enumerate() {
                let exponent = (2 * pair) as f32 / dims as f32;
                let angle = position as f32 / base.powf(exponent);
                (*sin, *cos) = angle.sin_cos();
            }
            let (turned, _values) = row.split_at_mut(2 * b.hidden);
            for head in turned.chunks_exact_mut(b.head_dim()) {
                kernels.rope(head, &self.cos, &self.sin, pairing)?;
            }
        }
        Ok(())
    }
}
