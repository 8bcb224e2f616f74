//! Quantised weights times the quantised activations of many tokens.
//!
//! Two groups of rows and eight tokens at a time: 16 chains of products hide each other's latency,
//! and one broadcast of four activations serves both groups. Weights are opened once for all
//! tokens; the sums stay in the first-level cache, because chains and sums together would not fit
//! the registers.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use core::arch::x86_64::{
    __m512, __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32,
    _mm512_fmadd_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_slli_epi32,
};

use std::ops::Range;

use bytemuck::must_cast;

use super::opened;
use crate::activations::{Run, TILE, Tiles};
use crate::kernels::many::{Opened, SLAB_RUNS};
use crate::kernels::quantized;
use crate::kernels::walk::put;
use crate::matmul::Product;
use crate::packed::{GROUP_ROWS, Layout, Line, Panel};

/// Tokens side by side: an octet.
const OCTET: usize = 8;
/// Half of an octet, where no more tokens are left, or where each has two chains.
const QUAD: usize = 4;

/// Opens the units of some lines.
type Open = fn(&[Line], &mut [Opened]);

/// A slab of columns of one or two groups.
type Slab = [[Opened; SLAB_RUNS]; 2];

/// The sums of an octet for two groups.
type Sums = [[__m512; OCTET]; 2];

/// Octets that weights are opened for at once: their sums, 32 KiB, stay in the second-level cache.
/// A call for a few tokens does not pay for so many.
const MANY: usize = 32;
const FEW: usize = 2;

/// Activations that stay in the second-level cache while the groups pass over them: half of one of
/// 1 MiB, as Cascade Lake and Zen 4 have.
const NEAR_BYTES: usize = 512 << 10;

/// Lines of a run of a tile.
const LINES: usize = size_of::<Run<TILE>>() / 64;

/// The call of `sized` for a layout.
macro_rules! sized {
    ([$open:ident $lines:tt, $runs:tt, $zero:tt, $most:tt, $halves:tt, $offsets:tt]
     $panel:expr, $tiles:expr, $out:expr) => {
        sized::<$zero, $halves, $offsets>($panel, opened::$open, $tiles, $out)
    };
}

/// Many tokens.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
pub(super) fn matmul(panel: &Panel<'_>, tiles: Tiles<'_>, out: Product<'_>) {
    quantized::by_layout!(panel.layout, plain, [sized](panel, tiles, out), ());
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn sized<const ZERO: i32, const HALVES: bool, const OFFSETS: bool>(
    panel: &Panel<'_>,
    open: Open,
    tiles: Tiles<'_>,
    mut out: Product<'_>,
) {
    if out.tokens <= FEW * OCTET {
        return blocks::<ZERO, HALVES, OFFSETS, FEW, 1>(panel, open, tiles, 0, &mut out);
    }
    let tokens = out.tokens.min(MANY * OCTET);
    let near = tokens.div_ceil(TILE) * tiles.per_tile * size_of::<Run<TILE>>() <= NEAR_BYTES;
    for first in (0..out.tokens.div_ceil(OCTET)).step_by(MANY) {
        if near {
            blocks::<ZERO, HALVES, OFFSETS, MANY, 1>(panel, open, tiles, first, &mut out);
        } else {
            blocks::<ZERO, HALVES, OFFSETS, MANY, 2>(panel, open, tiles, first, &mut out);
        }
    }
}

/// All groups, two at a time, for up to `OCTETS` octets from `first` on. `PAIRS` of them go through
/// a slab of columns before the next slab, so that its activations come from afar once for all.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
#[expect(clippy::large_stack_arrays, reason = "at most 82 KiB, made once for a whole product")]
fn blocks<
    const ZERO: i32,
    const HALVES: bool,
    const OFFSETS: bool,
    const OCTETS: usize,
    const PAIRS: usize,
>(
    panel: &Panel<'_>,
    open: Open,
    tiles: Tiles<'_>,
    first: usize,
    out: &mut Product<'_>,
) {
    let mut slab: Slab = [[Opened::ZERO; SLAB_RUNS]; 2];
    let mut sums: [[Sums; OCTETS]; PAIRS] = [[[[_mm512_setzero_ps(); OCTET]; 2]; OCTETS]; PAIRS];
    let tokens = out.tokens.saturating_sub(first * OCTET).min(OCTETS * OCTET);
    let used = tokens.div_ceil(OCTET);
    let (unit_lines, unit_cols) = panel.layout.unit();
    let unit_runs = unit_cols / 32;
    let units = panel.group_lines / unit_lines;
    let step = slab_units(units, unit_runs);
    for (block, lines) in panel.lines.chunks(2 * PAIRS * panel.group_lines).enumerate() {
        for start in (0..units).step_by(step) {
            let end = (start + step).min(units);
            let runs = start * unit_runs..end * unit_runs;
            for (lines, sums) in lines.chunks(2 * panel.group_lines).zip(&mut sums) {
                let mut groups = lines.chunks_exact(panel.group_lines);
                for slab in &mut slab {
                    let group = groups.next().unwrap_or_default();
                    let lines = group.get(start * unit_lines..end * unit_lines);
                    open(lines.unwrap_or_default(), slab);
                    if group.is_empty() {
                        slab.fill(Opened::ZERO);
                    }
                }
                for (index, sums) in sums.iter_mut().take(used).enumerate() {
                    let octet = first + index;
                    let tile = (octet / 2 * tiles.per_tile)..;
                    let tile = tiles.runs.get(tile).unwrap_or_default();
                    let half = OCTET * (octet % 2);
                    let left = tokens - index * OCTET;
                    let work = Work { slab: &slab, tile, runs: runs.clone(), half, left };
                    octets::<ZERO, HALVES, OFFSETS>(&work, tiles.per_tile, sums);
                }
            }
        }
        for (pair, sums) in sums.iter_mut().enumerate() {
            let row = (block * PAIRS + pair) * 2 * GROUP_ROWS;
            for (index, sums) in sums.iter_mut().take(used).enumerate() {
                let left = tokens - index * OCTET;
                write(sums, left, (first + index) * OCTET, row, panel.rows, out);
            }
        }
    }
}

/// How many units make up a slab: as many as fit, evenly. Every unit has an even number of runs, as
/// they go in pairs.
fn slab_units(units: usize, unit_runs: usize) -> usize {
    let most = (SLAB_RUNS / unit_runs).max(1);
    units.div_ceil(units.div_ceil(most).max(1)).max(1)
}

/// Writes an octet's sums where they belong and makes them zero again.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn write(
    sums: &mut Sums,
    left: usize,
    token: usize,
    row: usize,
    rows: usize,
    out: &mut Product<'_>,
) {
    for (group, sums) in sums.iter_mut().enumerate() {
        let row = row + group * GROUP_ROWS;
        let count = rows.saturating_sub(row).min(GROUP_ROWS);
        for (t, sum) in sums.iter_mut().enumerate() {
            let start = (token + t) * out.stride + row;
            if t < left && count > 0 {
                let places = out.data.get_mut(start..start + count).unwrap_or_default();
                put(places, &must_cast(*sum));
            }
            *sum = _mm512_setzero_ps();
        }
    }
}

/// An octet's share of a slab.
struct Work<'a> {
    slab: &'a Slab,
    /// The tile that the octet is in, and all behind it.
    tile: &'a [Run<TILE>],
    /// The slab's runs in a tile.
    runs: Range<usize>,
    /// The octet's first token in its tile.
    half: usize,
    /// Tokens from the octet's first on.
    left: usize,
}

/// Adds a slab to an octet's sums.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn octets<const ZERO: i32, const HALVES: bool, const OFFSETS: bool>(
    work: &Work<'_>,
    per_tile: usize,
    sums: &mut Sums,
) {
    let runs = work.tile.get(work.runs.clone()).unwrap_or_default();
    let [low, high] = sums;
    for (pair, runs) in runs.as_chunks::<2>().0.iter().enumerate() {
        // What the next tile needs next: half of it with each octet of this tile.
        let next = runs.as_ptr().wrapping_add(per_tile + work.half / OCTET);
        for line in 0..if HALVES {
            LINES
        } else if OFFSETS || ZERO == 128 {
            12
        } else {
            10
        } {
            // A prefetch of an address that does not exist is ignored.
            _mm_prefetch::<_MM_HINT_T0>(next.cast::<i8>().wrapping_add(64 * line));
        }
        if !HALVES && work.left > QUAD {
            let sums = [&mut *low, &mut *high];
            add_pair::<ZERO, false, OFFSETS, OCTET>(work.slab, pair, runs, work.half, sums);
            continue;
        }
        let (lows, highs) = (low.as_chunks_mut::<QUAD>().0, high.as_chunks_mut::<QUAD>().0);
        for (quad, (low, high)) in lows.iter_mut().zip(highs).enumerate() {
            if work.left > QUAD * quad {
                let first = work.half + QUAD * quad;
                let sums = [low, high];
                add_pair::<ZERO, HALVES, OFFSETS, QUAD>(work.slab, pair, runs, first, sums);
            }
        }
    }
}

/// Adds 64 columns to the sums. A call of its own, so that the compiler keeps the chains of
/// products in registers and the sums in memory.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn add_pair<const ZERO: i32, const HALVES: bool, const OFFSETS: bool, const T: usize>(
    slab: &Slab,
    pair: usize,
    runs: &[Run<TILE>; 2],
    first: usize,
    mut sums: [&mut [__m512; T]; 2],
) {
    // Both are so by construction, and said here so that no index below is checked.
    if pair >= SLAB_RUNS / 2 || first + T > TILE {
        return;
    }
    for (part, run) in runs.iter().enumerate() {
        let opened = [&slab[0][2 * pair + part], &slab[1][2 * pair + part]];
        if HALVES {
            add_halves::<ZERO, OFFSETS, T>(opened, run, first, &mut sums);
        } else {
            add_run::<ZERO, OFFSETS, T>(opened, run, first, &mut sums);
        }
    }
}

/// Adds 32 columns with one scale for each row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn add_run<const ZERO: i32, const OFFSETS: bool, const T: usize>(
    weights: [&Opened; 2],
    run: &Run<TILE>,
    first: usize,
    sums: &mut [&mut [__m512; T]; 2],
) {
    let mut dots = [[_mm512_setzero_si512(); T]; 2];
    if ZERO != 0 {
        for t in 0..T {
            let start = match ZERO {
                8 => _mm512_set1_epi32(run.minus_8[first + t]),
                16 => _mm512_slli_epi32::<1>(_mm512_set1_epi32(run.minus_8[first + t])),
                _ => _mm512_set1_epi32(run.minus_128[first + t]),
            };
            for g in 0..2 {
                dots[g][t] = start;
            }
        }
    }
    for j in 0..8 {
        let mut codes = [_mm512_setzero_si512(); 2];
        for g in 0..2 {
            codes[g] = must_cast(weights[g].code[j].0);
        }
        for t in 0..T {
            let four = _mm512_set1_epi32(run.q[first + t][j]);
            for g in 0..2 {
                dots[g][t] = _mm512_dpbusd_epi32(dots[g][t], codes[g], four);
            }
        }
    }
    for t in 0..T {
        let scale = _mm512_set1_ps(run.scale[first + t]);
        let scaled_sum = _mm512_set1_ps(run.scaled_sum[first + t]);
        for g in 0..2 {
            let factor = _mm512_mul_ps(must_cast(weights[g].scale[0].0), scale);
            let dot = _mm512_cvtepi32_ps(dots[g][t]);
            sums[g][t] = _mm512_fmadd_ps(dot, factor, sums[g][t]);
            if OFFSETS {
                let offset: __m512 = must_cast(weights[g].offset[0].0);
                sums[g][t] = _mm512_fmadd_ps(offset, scaled_sum, sums[g][t]);
            }
        }
    }
}

/// Adds 32 columns of which each half has its own scales.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn add_halves<const ZERO: i32, const OFFSETS: bool, const T: usize>(
    weights: [&Opened; 2],
    run: &Run<TILE>,
    first: usize,
    sums: &mut [&mut [__m512; T]; 2],
) {
    let mut scaled = [[_mm512_setzero_ps(); T]; 2];
    for half in 0..2 {
        let mut dots: [[__m512i; T]; 2] = [[_mm512_setzero_si512(); T]; 2];
        for t in 0..T {
            let low = run.low_sum[first + t];
            let sum = if half == 0 { low } else { run.sum[first + t] - low };
            if ZERO != 0 {
                for g in 0..2 {
                    dots[g][t] = _mm512_set1_epi32(-ZERO * sum);
                }
            }
            if OFFSETS {
                scaled[half][t] = _mm512_set1_ps(run.scale[first + t] * sum as f32);
            }
        }
        for j in 4 * half..4 * half + 4 {
            let mut codes = [_mm512_setzero_si512(); 2];
            for g in 0..2 {
                codes[g] = must_cast(weights[g].code[j].0);
            }
            for t in 0..T {
                let four = _mm512_set1_epi32(run.q[first + t][j]);
                for g in 0..2 {
                    dots[g][t] = _mm512_dpbusd_epi32(dots[g][t], codes[g], four);
                }
            }
        }
        for t in 0..T {
            let scale = _mm512_set1_ps(run.scale[first + t]);
            for g in 0..2 {
                let factor = _mm512_mul_ps(must_cast(weights[g].scale[half].0), scale);
                let dot = _mm512_cvtepi32_ps(dots[g][t]);
                sums[g][t] = _mm512_fmadd_ps(dot, factor, sums[g][t]);
            }
        }
    }
    if OFFSETS {
        for half in 0..2 {
            for t in 0..T {
                for g in 0..2 {
                    let offset: __m512 = must_cast(weights[g].offset[half].0);
                    sums[g][t] = _mm512_fmadd_ps(offset, scaled[half][t], sums[g][t]);
                }
            }
        }
    }
}
