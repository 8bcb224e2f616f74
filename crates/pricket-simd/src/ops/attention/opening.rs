//! Spans of positions, chunk after chunk, with keys and values as they are kept or opened to
//! singles first.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use std::mem::take;
use std::ops::Range;

use super::body::{Chunk, Rows, STRIP_ROWS};
use super::elements::{KvElement, KvLine, LINES_OF_BLOCK, SCALE_LINES, VALUES_OF_BLOCK};
use super::{ATTENTION_CHUNK, Attended, AttentionSpace, AttentionTile, KEY_BLOCK};
use crate::ops::reductions::LANES;

/// [`super::body::attend_strip`] as a level compiles it for singles.
pub(crate) type AttendStrip =
    fn(&Rows<'_>, Range<usize>, &Chunk<'_, f32>, &mut AttentionSpace, &mut Attended<'_>);

/// Calls `run` for every strip of rows with every chunk that any of them sees.
#[inline(always)]
pub(crate) fn each_chunk<'a, K: KvElement>(
    tile: &AttentionTile<'a, K>,
    span: &Range<usize>,
    mut run: impl FnMut(&Rows<'a>, Range<usize>, Chunk<'a, K>),
) {
    let rows = tile.rows_of(span.end);
    let count = rows.visible.len();
    for first in (0..count).step_by(STRIP_ROWS) {
        let strip = first..count.min(first + STRIP_ROWS);
        let seen = strip.clone().map(|row| rows.seen(row));
        let (start, end) = seen.fold((usize::MAX, 0), |hull, own| {
            if own.0 < own.1 { (hull.0.min(own.0), hull.1.max(own.1)) } else { hull }
        });
        let start = (start / ATTENTION_CHUNK * ATTENTION_CHUNK).max(span.start);
        for start in (start..end).step_by(ATTENTION_CHUNK) {
            let chunk = tile.chunk(start, (end - start).min(ATTENTION_CHUNK));
            run(&rows, strip.clone(), chunk);
        }
    }
}

/// Attends after `open` has turned a chunk's keys, and its values, into singles: `KEY_BLOCK`
/// positions of (width, positions), and (positions, width). Worth it where many rows read them, and
/// needed where what is kept has no singles of its own.
#[inline(always)]
pub(crate) fn attend_opened<K: KvElement>(
    tile: &AttentionTile<'_, K>,
    span: &Range<usize>,
    space: &mut AttentionSpace,
    state: &mut Attended<'_>,
    strip: AttendStrip,
    open: impl Fn(&Chunk<'_, K>, &mut [f32], (&mut [f32], usize)),
) {
    each_chunk(tile, span, |rows, range, chunk| {
        let (mut keys, mut values) = (take(&mut space.keys), take(&mut space.values));
        let whole = chunk.positions.next_multiple_of(KEY_BLOCK);
        let of_keys = fit(&mut keys, whole * rows.width);
        let of_values = fit(&mut values, whole * rows.value_width);
        open(&chunk, of_keys, (&mut *of_values, rows.value_width));
        let Chunk { start, positions, .. } = chunk;
        let chunk = Chunk { start, positions, keys: of_keys, values: of_values };
        strip(rows, range, &chunk, space, state);
        (space.keys, space.values) = (keys, values);
    });
}

/// The first `len` values that begin a line of the cache.
fn fit(values: &mut Vec<f32>, len: usize) -> &mut [f32] {
    // Sixteen singles are a line.
    values.resize(values.len().max(len + LANES), 0.0);
    let skipped = values.as_ptr().align_offset(64).min(LANES);
    values.get_mut(skipped..skipped + len).unwrap_or_default()
}

/// Opens the keys and the values of a chunk of eight bits.
#[inline(always)]
pub(crate) fn open_lines(
    chunk: &Chunk<'_, KvLine>,
    keys: &mut [f32],
    (values, value_width): (&mut [f32], usize),
) {
    let blocks = keys.chunks_exact_mut(KEY_BLOCK * VALUES_OF_BLOCK);
    for (out, block) in blocks.zip(chunk.keys.chunks_exact(LINES_OF_BLOCK)) {
        let (scales, lines) = block.split_at(SCALE_LINES);
        let scales = scales_of(scales);
        for (out, line) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(lines) {
            for ((out, value), scale) in out.iter_mut().zip(line).zip(scales) {
                *out = f32::from(*value) * scale;
            }
        }
    }
    let parts = value_width / VALUES_OF_BLOCK;
    for (index, block) in chunk.values.chunks_exact(LINES_OF_BLOCK).enumerate() {
        let (scales, lines) = block.split_at(SCALE_LINES);
        let (position, column) = (index / parts * KEY_BLOCK, index % parts * VALUES_OF_BLOCK);
        let rows = scales_of(scales).into_iter().zip(lines.as_chunks::<2>().0);
        for (row, (scale, lines)) in rows.enumerate() {
            let at = (position + row) * value_width + column;
            let out = values.get_mut(at..at + VALUES_OF_BLOCK).unwrap_or_default();
            for (out, value) in out.iter_mut().zip(lines.as_flattened()) {
                *out = f32::from(*value) * scale;
            }
        }
    }
}

/// Takes the values, (positions, value width), out of keys in singles, of which they are the first
/// numbers: blocks of (width, `KEY_BLOCK`).
#[inline(always)]
pub(crate) fn values_of_keys(keys: &[f32], (values, value_width): (&mut [f32], usize)) {
    let positions = values.len() / value_width.max(1);
    let width = keys.len() / positions.max(1);
    let blocks = keys.chunks_exact((width * KEY_BLOCK).max(1));
    for (block, rows) in blocks.zip(values.chunks_exact_mut(value_width * KEY_BLOCK)) {
        let (lines, _) = block.as_chunks::<KEY_BLOCK>();
        let squares = lines.get(..value_width).unwrap_or_default().chunks(LANES);
        for (column, square) in squares.enumerate() {
            let first = column * LANES;
            if let Some(square) = square.first_chunk::<LANES>() {
                for (position, row) in rows.chunks_exact_mut(value_width).enumerate() {
                    let places = row.get_mut(first..).and_then(|row| row.first_chunk_mut());
                    let Some(places): Option<&mut [f32; LANES]> = places else { continue };
                    *places = std::array::from_fn(|d| square[d][position % KEY_BLOCK]);
                }
                continue;
            }
            for (position, row) in rows.chunks_exact_mut(value_width).enumerate() {
                let places = row.get_mut(first..).unwrap_or_default();
                for (place, line) in places.iter_mut().zip(square) {
                    *place = line[position % KEY_BLOCK];
                }
            }
        }
    }
}

/// A block's scales, one for each position.
#[inline(always)]
fn scales_of(lines: &[KvLine]) -> [f32; KEY_BLOCK] {
    let mut scales = [0.0; KEY_BLOCK];
    for (scale, bytes) in scales.iter_mut().zip(lines.as_flattened().as_chunks::<2>().0) {
        *scale = half::f16::from_le_bytes(bytes.map(i8::cast_unsigned)).to_f32();
    }
    scales
}
