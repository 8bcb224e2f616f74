//! Quantised weights times the quantised activations of a few tokens: weights go from memory into
//! registers, where up to four octets of tokens are multiplied with them, and are not stored again.

use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch, _mm512_setzero_ps};

use bytemuck::must_cast;

use super::octets::{OCTET, Sums, add_run};
use super::weights::{self, Weights};
use crate::activations::{TILE, Tiles};
use crate::kernels::quantized;
use crate::kernels::walk::put;
use crate::matmul::Product;
use crate::packed::{GROUP_ROWS, Layout, Line, Panel};

/// Tokens that are few. Where each half of a run has scales of its own, slabs do more of them
/// better (LOG.md, "a few tokens").
const FEW: usize = 2 * TILE;

/// How many tokens are few for a layout.
pub(super) fn most(layout: Layout) -> usize {
    if layout.has_half_scales() { OCTET } else { FEW }
}

/// How far ahead weights are fetched, in lines.
const AHEAD: usize = 64;

/// The call of `sized` for a layout.
macro_rules! sized {
    ([$open:ident $lines:tt, $runs:tt, $zero:tt, $most:tt, $halves:tt, $offsets:tt]
     $panel:expr, $tiles:expr, $out:expr) => {
        if $out.tokens <= OCTET {
            sized::<$lines, $runs, $zero, $halves, $offsets, 1>($panel, $tiles, $out, |u, p, r| {
                weights::$open(u, p, r)
            })
        } else {
            sized::<$lines, $runs, $zero, $halves, $offsets, { FEW / TILE }>(
                $panel,
                $tiles,
                $out,
                |u, p, r| weights::$open(u, p, r),
            )
        }
    };
}

/// Up to [`FEW`] tokens.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
pub(super) fn matmul(panel: &Panel<'_>, tiles: Tiles<'_>, out: Product<'_>) {
    quantized::by_layout!(panel.layout, plain, [sized](panel, tiles, out), ());
}

/// Up to `TILES` tiles; of a single one the first octet alone.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn sized<
    const LINES: usize,
    const RUNS: usize,
    const ZERO: i32,
    const HALVES: bool,
    const OFFSETS: bool,
    const TILES: usize,
>(
    panel: &Panel<'_>,
    tiles: Tiles<'_>,
    out: Product<'_>,
    open: impl Fn(&[Line; LINES], usize, usize) -> Weights,
) {
    let Product { data, stride, tokens } = out;
    let used = tokens.div_ceil(TILE).min(TILES);
    for (group, lines) in panel.lines.chunks_exact(panel.group_lines).enumerate() {
        let mut sums: [[Sums; 2]; TILES] = [[[_mm512_setzero_ps(); OCTET]; 2]; TILES];
        for (index, unit) in lines.as_chunks::<LINES>().0.iter().enumerate() {
            // Runs go in pairs, so that what sets the two apart is known when this is compiled.
            for part in (0..RUNS).step_by(2) {
                for odd in 0..2 {
                    let part = part + odd;
                    // A run's share of what comes: more at once would wait for each other. A
                    // prefetch of an address that does not exist is ignored.
                    let share = const { LINES.div_ceil(RUNS) };
                    for line in part * share..(part + 1) * share {
                        let behind = unit.as_ptr().wrapping_add(AHEAD + line);
                        _mm_prefetch::<_MM_HINT_T0>(behind.cast());
                    }
                    let weights = open(unit, part, 0);
                    let run = index * RUNS + part;
                    if TILES == 1 {
                        // No loop, so that the sums stay in registers.
                        if let Some(run) = tiles.runs.get(run) {
                            add_run::<ZERO, HALVES, OFFSETS, 0>(&weights, run, &mut sums[0][0]);
                        }
                        continue;
                    }
                    let runs = tiles.runs.iter().skip(run).step_by(tiles.per_tile);
                    for (run, sums) in runs.zip(sums.iter_mut().take(used)) {
                        add_run::<ZERO, HALVES, OFFSETS, 0>(&weights, run, &mut sums[0]);
                        add_run::<ZERO, HALVES, OFFSETS, OCTET>(&weights, run, &mut sums[1]);
                    }
                }
            }
        }
        let row = group * GROUP_ROWS;
        let count = panel.rows.saturating_sub(row).min(GROUP_ROWS);
        for (token, sum) in sums.iter().flatten().flatten().enumerate().take(tokens) {
            let start = token * stride + row;
            let places = data.get_mut(start..start + count).unwrap_or_default();
            put(places, &must_cast(*sum));
        }
    }
}
