//! The walk over groups, slabs of columns and tokens that every level shares.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use crate::activations::TILE;
use crate::matmul::Product;
use crate::packed::{GROUP_ROWS, Line, Panel};

/// Tokens of one pass of a kernel for float weights, or of the scalar one: their sums stay in
/// registers.
pub(super) const PASS: usize = 8;

/// The sums of one pass: 16 rows for each token.
pub(super) type Sums = [[f32; GROUP_ROWS]; PASS];

/// Activations (in bytes) of one slab of columns: half of a 32 KiB first-level cache, so that they
/// stay there while the groups of rows stream past.
const SLAB_BYTES: usize = 16 * 1024;

/// How far ahead of a product with one token weights are fetched, in lines: 3 KiB, some 0.3 us at
/// the speed of memory. The hardware's own prefetcher stops at each page.
#[cfg(target_arch = "x86_64")]
pub(super) const AHEAD: usize = 48;

/// One token: `sums_of` gives the 16 sums of a group.
#[inline(always)]
pub(super) fn vector(
    panel: &Panel<'_>,
    out: &mut [f32],
    sums_of: impl Fn(&[Line]) -> [f32; GROUP_ROWS],
) {
    for (lines, places) in
        panel.lines.chunks_exact(panel.group_lines).zip(out.chunks_mut(GROUP_ROWS))
    {
        put(places, &sums_of(lines));
    }
}

/// A tile of tokens. `activations` has `per_unit` entries for each unit of columns. `add` adds a
/// slab of columns of a group to the sums of one pass: lines, activations, index of the pass,
/// tokens in it, sums.
#[inline(always)]
pub(super) fn tile<A>(
    panel: &Panel<'_>,
    activations: &[A],
    per_unit: usize,
    out: Product<'_>,
    add: impl Fn(&[Line], &[A], usize, usize, &mut Sums),
) {
    let (unit_lines, _) = panel.layout.unit();
    let units = panel.group_lines / unit_lines;
    let slab_max = (SLAB_BYTES / (per_unit * size_of::<A>())).max(1);
    let slab = units.div_ceil(units.div_ceil(slab_max).max(1)).max(1);
    let Product { data, stride, tokens } = out;
    for first in (0..units).step_by(slab) {
        let last = (first + slab).min(units);
        // The last unit of a layout may have more columns than there are.
        let end = (last * per_unit).min(activations.len());
        let part = activations.get(first * per_unit..end).unwrap_or_default();
        for (group, lines) in panel.lines.chunks_exact(panel.group_lines).enumerate() {
            let lines = lines.get(first * unit_lines..last * unit_lines).unwrap_or_default();
            let rows = panel.rows.saturating_sub(group * GROUP_ROWS).min(GROUP_ROWS);
            for pass in 0..tokens.min(TILE).div_ceil(PASS) {
                let count = (tokens - pass * PASS).min(PASS);
                let at = |token: usize| {
                    let start = (pass * PASS + token) * stride + group * GROUP_ROWS;
                    start..start + rows
                };
                let mut sums = [[0.0; GROUP_ROWS]; PASS];
                if first > 0 {
                    // The sums so far wait in the output: a single goes there and back unchanged.
                    for (token, sums) in sums.iter_mut().enumerate().take(count) {
                        take(data.get(at(token)).unwrap_or_default(), sums);
                    }
                }
                add(lines, part, pass, count, &mut sums);
                for (token, sums) in sums.iter().enumerate().take(count) {
                    put(data.get_mut(at(token)).unwrap_or_default(), sums);
                }
            }
        }
    }
}

/// Packed weights that stay in the second-level cache while every tile passes over them: half of
/// the smallest one in use (512 KiB on Zen), which leaves room for a tile's activations.
const BLOCK_BYTES: usize = 256 * 1024;

/// Runs a tile kernel over blocks of groups and, within each, over every tile of tokens.
#[inline(always)]
pub(crate) fn blocks<'a, A: 'a>(
    panel: &Panel<'_>,
    tiles: &(impl Iterator<Item = &'a [A]> + Clone),
    out: Product<'_>,
    kernel: impl Fn(&Panel<'_>, &[A], Product<'_>),
) {
    let Product { data, stride, tokens } = out;
    let groups = (BLOCK_BYTES / (64 * panel.group_lines.max(1))).max(1);
    for (block, lines) in panel.lines.chunks(groups * panel.group_lines).enumerate() {
        let first_row = block * groups * GROUP_ROWS;
        let rows = panel.rows.saturating_sub(first_row).min(groups * GROUP_ROWS);
        let part = Panel { lines, rows, ..*panel };
        for (tile, activations) in tiles.clone().enumerate() {
            let data = data.get_mut(tile * TILE * stride + first_row..).unwrap_or_default();
            let tokens = (tokens - tile * TILE).min(TILE);
            kernel(&part, activations, Product { data, stride, tokens });
        }
    }
}

/// Copies as many of 16 sums as there are places.
#[inline(always)]
pub(super) fn put(places: &mut [f32], sums: &[f32; GROUP_ROWS]) {
    if let Ok(full) = <&mut [f32; GROUP_ROWS]>::try_from(&mut *places) {
        *full = *sums;
    } else {
        for (place, sum) in places.iter_mut().zip(sums) {
            *place = *sum;
        }
    }
}

/// Copies up to 16 places into the sums.
#[inline(always)]
pub(super) fn take(places: &[f32], sums: &mut [f32; GROUP_ROWS]) {
    if let Ok(full) = <&[f32; GROUP_ROWS]>::try_from(places) {
        *sums = *full;
    } else {
        for (place, sum) in places.iter().zip(sums) {
            *sum = *place;
        }
    }
}
