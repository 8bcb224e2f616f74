//! Opens a group's lines for many tokens.

use bytemuck::must_cast;

use crate::kernels::avx512::weights::{self, Weights};
use crate::kernels::many::Opened;
use crate::packed::Line;

/// Defines openers: the layout's name, lines and runs of a unit.
macro_rules! openers {
    ($($name:ident: $lines:literal, $runs:literal;)*) => {
        $(#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
        pub(super) fn $name(lines: &[Line], slab: &mut [Opened]) {
            units::<$lines, $runs>(lines, slab, |u, p| weights::$name(u, p));
        })*
    };
}

openers! {
    nibble: 9, 2;
    nibble_offset: 10, 2;
    signed_byte: 17, 2;
    nibble_super: 37, 8;
    wide: 9, 1;
    wide_offset: 10, 1;
    wide_halves: 10, 1;
    wide_halves_offset: 12, 1;
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn units<const LINES: usize, const RUNS: usize>(
    lines: &[Line],
    slab: &mut [Opened],
    open: impl Fn(&[Line; LINES], usize) -> Weights,
) {
    let units = lines.as_chunks::<LINES>().0.iter();
    for (unit, runs) in units.zip(slab.as_chunks_mut::<RUNS>().0) {
        for (part, run) in runs.iter_mut().enumerate() {
            let weights = open(unit, part);
            for (line, code) in run.code.iter_mut().zip(weights.code) {
                *line = Line(must_cast(code));
            }
            for half in 0..2 {
                run.scale[half] = Line(must_cast(weights.scale[half]));
                run.offset[half] = Line(must_cast(weights.offset[half]));
            }
        }
    }
}
