//! Weights opened for many tokens: codes as bytes, scales and offsets as singles, so that the work
//! of opening is shared by all of them.

use core::arch::x86_64::_mm512_setzero_si512;

use bytemuck::must_cast;

use super::weights::{self, Weights};
use crate::packed::{Layout, Line};

/// Runs of a slab: with two groups, 12 runs of 12 lines, of which 10 are used, take 15 KiB of the
/// first-level cache and leave the rest to the activations.
pub(super) const SLAB_RUNS: usize = 12;

/// 32 columns of 16 rows: [`Weights`] in memory.
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

/// A slab of columns of one or two groups.
pub(super) type Slab = [[Opened; SLAB_RUNS]; 2];

impl Opened {
    /// Weights that add nothing.
    pub(super) const ZERO: Self =
        Self { code: [Line::ZERO; 8], scale: [Line::ZERO; 2], offset: [Line::ZERO; 2] };

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
    fn put(&mut self, weights: &Weights) {
        for (line, code) in self.code.iter_mut().zip(weights.code) {
            *line = Line(must_cast(code));
        }
        for half in 0..2 {
            self.scale[half] = Line(must_cast(weights.scale[half]));
            self.offset[half] = Line(must_cast(weights.offset[half]));
        }
    }

    /// Makes the run add nothing.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
    fn clear(&mut self) {
        for line in self.code.iter_mut().chain(&mut self.scale).chain(&mut self.offset) {
            *line = Line(must_cast(_mm512_setzero_si512()));
        }
    }
}

/// Opens the units of `lines` into `slab`, and clears what is left of it up to an even number of
/// runs, or all of it where there are no lines.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
pub(super) fn open(layout: Layout, lines: &[Line], slab: &mut [Opened; SLAB_RUNS]) {
    match layout {
        Layout::Nibble => units::<9, 2>(lines, slab, |u, p| weights::nibble(u, p)),
        Layout::NibbleOffset => units::<10, 2>(lines, slab, |u, p| weights::nibble_offset(u, p)),
        Layout::Byte => units::<17, 2>(lines, slab, |u, p| weights::byte(u, p)),
        Layout::NibbleSuper => units::<37, 8>(lines, slab, |u, p| weights::nibble_super(u, p)),
        Layout::Wide => units::<9, 1>(lines, slab, |u, p| weights::wide(u, p)),
        Layout::WideOffset => units::<10, 1>(lines, slab, |u, p| weights::wide_offset(u, p)),
        Layout::WideHalves => units::<10, 1>(lines, slab, |u, p| weights::wide_halves(u, p)),
        Layout::WideHalvesOffset => {
            units::<12, 1>(lines, slab, |u, p| weights::wide_halves_offset(u, p));
        }
        // Float weights never meet quantised activations: `matmul` checks the kinds.
        Layout::Single | Layout::Half | Layout::UpperHalf => {}
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn units<const LINES: usize, const RUNS: usize>(
    lines: &[Line],
    slab: &mut [Opened; SLAB_RUNS],
    open: impl Fn(&[Line; LINES], usize) -> Weights,
) {
    let units = lines.as_chunks::<LINES>().0;
    for (unit, runs) in units.iter().zip(slab.chunks_exact_mut(RUNS)) {
        for (part, run) in runs.iter_mut().enumerate() {
            run.put(&open(unit, part));
        }
    }
    // A group that is not there has no lines at all.
    let count = units.len() * RUNS;
    let clear = if units.is_empty() { SLAB_RUNS } else { count % 2 };
    for run in slab.iter_mut().skip(count).take(clear) {
        run.clear();
    }
}
