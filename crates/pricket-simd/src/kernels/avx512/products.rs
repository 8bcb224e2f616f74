//! Quantised weights times the quantised activations of many tokens.
//!
//! Two groups of rows and eight tokens at a time: 16 chains of products hide each other's latency,
//! and one broadcast of four activations serves both groups. Weights are opened once for all
//! tokens; the sums stay in the first-level cache, because chains and sums together would not fit
//! the registers.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use core::arch::x86_64::{
    __m512, __m512i, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_slli_epi32,
    _mm512_sub_epi32,
};

use bytemuck::must_cast;

use super::opened::{Opened, SLAB_RUNS, Slab, open};
use crate::activations::{Run, TILE, Tiles};
use crate::kernels::walk::{put, take};
use crate::matmul::Product;
use crate::packed::{GROUP_ROWS, Layout, Panel};

/// Tokens side by side, and half of them where no more are left, or where each has two chains.
const TOKENS: usize = 8;
const FEW_TOKENS: usize = 4;

/// The sums of some tokens for some groups.
type Sums<const T: usize, const G: usize> = [[__m512; T]; G];

/// Many tokens.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
pub(super) fn matmul(panel: &Panel<'_>, tiles: Tiles<'_>, out: Product<'_>) {
    match panel.layout {
        Layout::Nibble => slabs::<8, false, false>(panel, tiles, out),
        Layout::Byte => slabs::<128, false, false>(panel, tiles, out),
        Layout::Wide => slabs::<16, false, false>(panel, tiles, out),
        Layout::NibbleOffset | Layout::NibbleSuper | Layout::WideOffset => {
            slabs::<0, false, true>(panel, tiles, out);
        }
        Layout::WideHalves => slabs::<32, true, false>(panel, tiles, out),
        Layout::WideHalvesOffset => slabs::<0, true, true>(panel, tiles, out),
        // Float weights never meet quantised activations: `matmul` checks the kinds.
        Layout::Single | Layout::Half | Layout::UpperHalf => {}
    }
}

/// Slab of columns after slab, in each one pair of groups after the other over all tokens.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn slabs<const ZERO: i32, const HALVES: bool, const OFFSETS: bool>(
    panel: &Panel<'_>,
    tiles: Tiles<'_>,
    mut out: Product<'_>,
) {
    let (unit_lines, unit_cols) = panel.layout.unit();
    let unit_runs = unit_cols / 32;
    let units = panel.group_lines / unit_lines;
    let most = (SLAB_RUNS / unit_runs).max(1);
    let step = units.div_ceil(units.div_ceil(most).max(1)).max(1);
    // An odd number of runs in a slab would leave the next one without its pair.
    let step = if unit_runs % 2 == 1 { step.next_multiple_of(2) } else { step };
    #[expect(clippy::large_stack_arrays, reason = "18 KiB, made once for a whole product")]
    let mut slab: Slab = [[Opened::ZERO; SLAB_RUNS]; 2];
    for first in (0..units).step_by(step) {
        let last = (first + step).min(units);
        let runs = first * unit_runs..(last * unit_runs).next_multiple_of(2);
        let pairs = panel.lines.chunks(2 * panel.group_lines);
        for (pair, lines) in pairs.enumerate() {
            let row = pair * 2 * GROUP_ROWS;
            let groups = lines.chunks_exact(panel.group_lines);
            let count = groups.len();
            for (group, slab) in groups.zip(&mut slab) {
                let lines = group.get(first * unit_lines..last * unit_lines).unwrap_or_default();
                open(panel.layout, lines, slab);
            }
            let rows = panel.rows.saturating_sub(row);
            for (index, tile) in tiles.runs.chunks_exact(tiles.per_tile).enumerate() {
                let place = Place { token: index * TILE, row, rows, fresh: first == 0 };
                let runs = tile.get(runs.clone()).unwrap_or_default();
                if count == 2 {
                    tokens::<ZERO, HALVES, OFFSETS, 2>(&slab, runs, place, &mut out);
                } else {
                    tokens::<ZERO, HALVES, OFFSETS, 1>(&slab, runs, place, &mut out);
                }
            }
        }
    }
}

/// Where a tile's sums belong.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The tile's first token.
    token: usize,
    /// The first row.
    row: usize,
    /// How many rows there are from it on.
    rows: usize,
    /// Whether no slab was added before.
    fresh: bool,
}

/// A slab of `G` groups times a tile of tokens.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn tokens<const ZERO: i32, const HALVES: bool, const OFFSETS: bool, const G: usize>(
    slab: &Slab,
    runs: &[Run<TILE>],
    place: Place,
    out: &mut Product<'_>,
) {
    let count = out.tokens.saturating_sub(place.token).min(TILE);
    let mut first = 0;
    while first < count {
        if HALVES || count - first <= FEW_TOKENS {
            pass::<ZERO, HALVES, OFFSETS, FEW_TOKENS, G>(slab, runs, first, count, place, out);
            first += FEW_TOKENS;
        } else {
            pass::<ZERO, HALVES, OFFSETS, TOKENS, G>(slab, runs, first, count, place, out);
            first += TOKENS;
        }
    }
}

/// A slab of `G` groups times `T` tokens of a tile, from `first` on; those beyond `count` are not
/// written.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn pass<
    const ZERO: i32,
    const HALVES: bool,
    const OFFSETS: bool,
    const T: usize,
    const G: usize,
>(
    slab: &Slab,
    runs: &[Run<TILE>],
    first: usize,
    count: usize,
    place: Place,
    out: &mut Product<'_>,
) {
    let (stride, real) = (out.stride, (count - first).min(T));
    let at = |token: usize, group: usize| {
        let start = (place.token + first + token) * stride + place.row + group * GROUP_ROWS;
        let rows = place.rows.saturating_sub(group * GROUP_ROWS).min(GROUP_ROWS);
        start..start + rows
    };
    let mut sums: Sums<T, G> = [[_mm512_setzero_ps(); T]; G];
    if !place.fresh {
        // The sums so far wait in the output: a single goes there and back unchanged.
        for (group, sums) in sums.iter_mut().enumerate() {
            for (token, sum) in sums.iter_mut().enumerate().take(real) {
                let mut values = [0.0; GROUP_ROWS];
                take(out.data.get(at(token, group)).unwrap_or_default(), &mut values);
                *sum = must_cast(values);
            }
        }
    }
    for (pair, runs) in runs.as_chunks::<2>().0.iter().enumerate() {
        add_pair::<ZERO, HALVES, OFFSETS, T, G>(slab, pair, runs, first, &mut sums);
    }
    for (group, sums) in sums.iter().enumerate() {
        for (token, sum) in sums.iter().enumerate().take(real) {
            let places = out.data.get_mut(at(token, group)).unwrap_or_default();
            put(places, &must_cast(*sum));
        }
    }
}

/// Adds 64 columns to the sums. A call of its own, so that the compiler keeps the chains of
/// products in registers and the sums in memory.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn add_pair<
    const ZERO: i32,
    const HALVES: bool,
    const OFFSETS: bool,
    const T: usize,
    const G: usize,
>(
    slab: &Slab,
    pair: usize,
    runs: &[Run<TILE>; 2],
    first: usize,
    sums: &mut Sums<T, G>,
) {
    // Both are so by construction, and said here so that no index below is checked.
    if pair >= SLAB_RUNS / 2 || first + T > TILE {
        return;
    }
    for (part, run) in runs.iter().enumerate() {
        let mut opened = [&slab[0][2 * pair + part]; G];
        for g in 1..G {
            opened[g] = &slab[g][2 * pair + part];
        }
        if HALVES {
            add_halves::<ZERO, OFFSETS, T, G>(opened, run, first, sums);
        } else {
            add_run::<ZERO, OFFSETS, T, G>(opened, run, first, sums);
        }
    }
}

/// Adds 32 columns with one scale for each row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn add_run<const ZERO: i32, const OFFSETS: bool, const T: usize, const G: usize>(
    weights: [&Opened; G],
    run: &Run<TILE>,
    first: usize,
    sums: &mut Sums<T, G>,
) {
    let mut dots = [[_mm512_setzero_si512(); T]; G];
    if ZERO != 0 {
        for t in 0..T {
            let start = match ZERO {
                8 => _mm512_set1_epi32(run.minus_8[first + t]),
                16 => _mm512_slli_epi32::<1>(_mm512_set1_epi32(run.minus_8[first + t])),
                _ => _mm512_set1_epi32(run.minus_128[first + t]),
            };
            for g in 0..G {
                dots[g][t] = start;
            }
        }
    }
    for j in 0..8 {
        let mut codes = [_mm512_setzero_si512(); G];
        for g in 0..G {
            codes[g] = must_cast(weights[g].code[j].0);
        }
        for t in 0..T {
            let four = _mm512_set1_epi32(run.q[first + t][j]);
            for g in 0..G {
                dots[g][t] = _mm512_dpbusd_epi32(dots[g][t], codes[g], four);
            }
        }
    }
    for t in 0..T {
        let scale = _mm512_set1_ps(run.scale[first + t]);
        let scaled_sum = _mm512_set1_ps(run.scaled_sum[first + t]);
        for g in 0..G {
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
fn add_halves<const ZERO: i32, const OFFSETS: bool, const T: usize, const G: usize>(
    weights: [&Opened; G],
    run: &Run<TILE>,
    first: usize,
    sums: &mut Sums<T, G>,
) {
    let mut scaled = [[_mm512_setzero_ps(); T]; 2];
    for half in 0..2 {
        let mut dots: [[__m512i; T]; G] = [[_mm512_setzero_si512(); T]; G];
        for t in 0..T {
            let low = run.low_sum[first + t];
            let sum = if half == 0 { low } else { run.sum[first + t] - low };
            if ZERO != 0 {
                let zero = _mm512_slli_epi32::<5>(_mm512_set1_epi32(sum));
                for g in 0..G {
                    dots[g][t] = _mm512_sub_epi32(_mm512_setzero_si512(), zero);
                }
            }
            if OFFSETS {
                scaled[half][t] = _mm512_set1_ps(run.scale[first + t] * sum as f32);
            }
        }
        for j in 4 * half..4 * half + 4 {
            let mut codes = [_mm512_setzero_si512(); G];
            for g in 0..G {
                codes[g] = must_cast(weights[g].code[j].0);
            }
            for t in 0..T {
                let four = _mm512_set1_epi32(run.q[first + t][j]);
                for g in 0..G {
                    dots[g][t] = _mm512_dpbusd_epi32(dots[g][t], codes[g], four);
                }
            }
        }
        for t in 0..T {
            let scale = _mm512_set1_ps(run.scale[first + t]);
            for g in 0..G {
                let factor = _mm512_mul_ps(must_cast(weights[g].scale[half].0), scale);
                let dot = _mm512_cvtepi32_ps(dots[g][t]);
                sums[g][t] = _mm512_fmadd_ps(dot, factor, sums[g][t]);
            }
        }
    }
    if OFFSETS {
        for half in 0..2 {
            for t in 0..T {
                for g in 0..G {
                    let offset: __m512 = must_cast(weights[g].offset[half].0);
                    sums[g][t] = _mm512_fmadd_ps(offset, scaled[half][t], sums[g][t]);
                }
            }
        }
    }
}
