//! Float weights and more than one token: some columns of some groups are opened once for all
//! tokens, and lie in the first-level cache while the tokens pass by. The levels bring the
//! arithmetic.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use super::walk::{PASS, put, take};
use crate::activations::{FloatTiles, TILE};
use crate::matmul::Product;
use crate::packed::{GROUP_ROWS, Layout, Line, Panel};

/// Columns that are opened at once, a whole number of units of every layout. One group's take 8 KiB
/// and three groups' 24 KiB, a tile's activations for them another 8 KiB: of a first-level cache of
/// 32 KiB or 48 KiB.
const SLAB_COLS: usize = 128;

/// One column of so many groups of rows, as singles.
pub(super) type Column<const GROUPS: usize> = [Line; GROUPS];

/// The sums of one pass: 16 rows for each token, on cache lines of their own.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct PassSums(pub(super) [[f32; GROUP_ROWS]; PASS]);

/// The product of a panel of a whole number of `GROUPS` groups and any number of tokens. `open`
/// opens the whole units of some lines as the group with the given number of a slab; `add` adds a
/// slab's columns to the sums of the tokens of a tile from `PASS` times the given number on.
#[inline(always)]
pub(super) fn matmul<const GROUPS: usize>(
    panel: &Panel<'_>,
    x: FloatTiles<'_>,
    out: &mut Product<'_>,
    open: impl Fn(Layout, &[Line], usize, &mut [Column<GROUPS>]),
    add: impl Fn(&[Column<GROUPS>], &[[f32; TILE]], usize, &mut [PassSums; GROUPS]),
) {
    if panel.lines.is_empty() {
        return;
    }
    let mut slab = [[Line::ZERO; GROUPS]; SLAB_COLS];
    let (unit_lines, unit_cols) = panel.layout.unit();
    let units = panel.group_lines / unit_lines;
    // As many units as fit, evenly.
    let most = (SLAB_COLS / unit_cols).max(1);
    let step = units.div_ceil(units.div_ceil(most).max(1)).max(1);
    for (index, lines) in panel.lines.chunks_exact(GROUPS * panel.group_lines).enumerate() {
        for start in (0..units).step_by(step) {
            let end = (start + step).min(units);
            // The last unit of a layout may have more columns than there are.
            let (first, last) = (start * unit_cols, (end * unit_cols).min(x.per_tile));
            let slab = slab.get_mut(..last.saturating_sub(first)).unwrap_or_default();
            for (group, lines) in lines.chunks_exact(panel.group_lines).enumerate() {
                let lines = lines.get(start * unit_lines..end * unit_lines).unwrap_or_default();
                open(panel.layout, lines, group, slab);
            }
            for (tile, x) in x.columns.chunks_exact(x.per_tile).enumerate() {
                let x = x.get(first..last).unwrap_or_default();
                let passes = out.tokens.saturating_sub(tile * TILE).min(TILE).div_ceil(PASS);
                for pass in 0..passes {
                    let place =
                        Place { panel, row: index * GROUPS, token: tile * TILE + pass * PASS };
                    let mut sums = [PassSums([[0.0; GROUP_ROWS]; PASS]); GROUPS];
                    if start > 0 {
                        // The sums so far wait in the output: a single goes there and back
                        // unchanged.
                        place.each(&mut sums, out, |sums, places| take(places, sums));
                    }
                    add(slab, x, pass, &mut sums);
                    place.each(&mut sums, out, |sums, places| put(places, sums));
                }
            }
        }
    }
}

/// Where a pass's sums belong.
struct Place<'a> {
    panel: &'a Panel<'a>,
    /// The first group.
    row: usize,
    /// The first token.
    token: usize,
}

impl Place<'_> {
    /// Shows every token's sums of every group and their places in the output to `act`.
    #[inline(always)]
    fn each<const GROUPS: usize>(
        &self,
        sums: &mut [PassSums; GROUPS],
        out: &mut Product<'_>,
        act: impl Fn(&mut [f32; GROUP_ROWS], &mut [f32]),
    ) {
        let count = out.tokens.saturating_sub(self.token).min(PASS);
        for (group, sums) in sums.iter_mut().enumerate() {
            let row = (self.row + group) * GROUP_ROWS;
            let rows = self.panel.rows.saturating_sub(row).min(GROUP_ROWS);
            for (token, sums) in sums.0.iter_mut().enumerate().take(count) {
                let start = (self.token + token) * out.stride + row;
                act(sums, out.data.get_mut(start..start + rows).unwrap_or_default());
            }
        }
    }
}
