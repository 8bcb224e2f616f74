//! Many tokens: weights are opened once for all of them, a slab of columns of one group at a time,
//! and lie in the first-level cache while the tokens pass by. The levels bring the arithmetic.

use super::walk::put;
use crate::activations::{Run, TILE, Tiles};
use crate::matmul::Product;
use crate::packed::{GROUP_ROWS, Line, Panel};

/// Tokens side by side.
pub(super) const QUAD: usize = 4;

/// Runs of a slab: 12 of 12 lines, of which 10 are used, take 8 KiB, and a tile's activations for
/// them 11 KiB, of a first-level cache of 32 KiB. Two groups side by side take 15 KiB of 48 KiB.
pub(super) const SLAB_RUNS: usize = 12;

/// Tokens that weights are opened for at once: their activations for a slab, 168 KiB, stay in a
/// second-level cache of 256 KiB.
const TOKENS_MAX: usize = 256;

/// Quads of so many tokens, and of a call for a few, which does not pay for more.
const MANY: usize = TOKENS_MAX / QUAD;
const FEW: usize = 4;

/// 32 columns of 16 rows, codes as bytes, scales and offsets as singles.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Opened {
    /// Line `j` holds columns `4j..4j + 4`.
    pub(super) code: [Line; 8],
    /// Scales for columns 0..16 and 16..32. Where the layout has but one, the first.
    pub(super) scale: [Line; 2],
    /// Offsets, likewise.
    pub(super) offset: [Line; 2],
}

impl Opened {
    /// Weights that add nothing.
    pub(super) const ZERO: Self =
        Self { code: [Line::ZERO; 8], scale: [Line::ZERO; 2], offset: [Line::ZERO; 2] };
}

/// The sums of 16 rows for a quad of tokens, each on a cache line of its own: a run reads what the
/// run before wrote, which is slow across two lines.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Sums(pub(super) [[f32; GROUP_ROWS]; QUAD]);

/// What a level brings for one layout.
#[derive(Clone, Copy)]
pub(super) struct Kernel {
    /// Opens the whole units of some lines, run after run, into as many places.
    pub(super) open: fn(&[Line], &mut [Opened]),
    /// Adds a run of 32 columns to the sums of four tokens of a tile, from the given one on.
    pub(super) add: fn(&Opened, &Run<TILE>, usize, &mut Sums),
}

/// The product of a panel and any number of tokens.
pub(super) fn matmul(kernel: Kernel, panel: &Panel<'_>, tiles: Tiles<'_>, out: Product<'_>) {
    let Product { data, stride, tokens } = out;
    if tokens <= FEW * QUAD {
        return groups::<FEW>(kernel, panel, tiles, Product { data, stride, tokens });
    }
    let per_batch = TOKENS_MAX / TILE * tiles.per_tile;
    for (batch, runs) in tiles.runs.chunks(per_batch.max(1)).enumerate() {
        let first = batch * TOKENS_MAX;
        let data = data.get_mut(first * stride..).unwrap_or_default();
        let tokens = tokens.saturating_sub(first).min(TOKENS_MAX);
        let tiles = Tiles { runs, ..tiles };
        groups::<MANY>(kernel, panel, tiles, Product { data, stride, tokens });
    }
}

/// Every group of a panel times up to `QUADS` quads of tokens.
fn groups<const QUADS: usize>(
    kernel: Kernel,
    panel: &Panel<'_>,
    tiles: Tiles<'_>,
    out: Product<'_>,
) {
    let Product { data, stride, tokens } = out;
    let mut slab = [Opened::ZERO; SLAB_RUNS];
    let mut sums = [Sums([[0.0; GROUP_ROWS]; QUAD]); QUADS];
    let sums = sums.get_mut(..tokens.div_ceil(QUAD)).unwrap_or_default();
    let (unit_lines, unit_cols) = panel.layout.unit();
    let unit_runs = unit_cols / 32;
    let units = panel.group_lines / unit_lines;
    // As many units as fit, evenly.
    let most = (SLAB_RUNS / unit_runs).max(1);
    let step = units.div_ceil(units.div_ceil(most).max(1)).max(1);
    for (group, lines) in panel.lines.chunks_exact(panel.group_lines).enumerate() {
        for start in (0..units).step_by(step) {
            let end = (start + step).min(units);
            let runs = start * unit_runs..end * unit_runs;
            let lines = lines.get(start * unit_lines..end * unit_lines).unwrap_or_default();
            let slab = slab.get_mut(..runs.len()).unwrap_or_default();
            (kernel.open)(lines, slab);
            let tiles = tiles.runs.chunks_exact(tiles.per_tile);
            for (tile, sums) in tiles.zip(sums.chunks_mut(TILE / QUAD)) {
                let runs = tile.get(runs.clone()).unwrap_or_default();
                for (quad, sums) in sums.iter_mut().enumerate() {
                    for (weights, run) in slab.iter().zip(runs) {
                        (kernel.add)(weights, run, QUAD * quad, sums);
                    }
                }
            }
        }
        let row = group * GROUP_ROWS;
        let rows = panel.rows.saturating_sub(row).min(GROUP_ROWS);
        for (token, sums) in sums.iter_mut().flat_map(|sums| &mut sums.0).enumerate() {
            if token < tokens {
                let start = token * stride + row;
                put(data.get_mut(start..start + rows).unwrap_or_default(), sums);
            }
            *sums = [0.0; GROUP_ROWS];
        }
    }
}
