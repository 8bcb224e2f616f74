//! Quantised weights times the quantised activations of many tokens.
//!
//! Weights are opened once for all tokens, a slab of columns of three groups at a time, and lie in
//! the first-level cache while the tokens pass by, four at a time. While they do, the next slab is
//! on its way from memory.

use core::arch::x86_64::_mm512_setzero_ps;

use std::ops::Range;
use std::ptr;

use bytemuck::must_cast;

use super::slabs::{Slab, Sums, TRIO, Work, add_slab};
use super::{few, opened};
use crate::activations::{Run, TILE, Tiles};
use crate::kernels::many::{Opened, QUAD, SLAB_RUNS};
use crate::kernels::quantized;
use crate::kernels::walk::put;
use crate::matmul::Product;
use crate::packed::{GROUP_ROWS, Layout, Line, Panel};

/// Opens the units of some lines.
type Open = fn(&[Line], &mut [Opened]);

/// Quads that weights are opened for at once: their sums, 48 KiB, stay in the second-level cache.
/// A call for a few tokens does not pay for so many.
const MANY: usize = 64;
const FEW: usize = 4;

/// Activations that stay in the second-level cache while the groups pass over them: half of one of
/// 1 MiB, as Cascade Lake and Zen 4 have.
const NEAR_BYTES: usize = 512 << 10;

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
    if out.tokens <= few::most(panel.layout) {
        return few::matmul(panel, tiles, out);
    }
    quantized::by_layout!(panel.layout, plain, [sized](panel, tiles, out), ());
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn sized<const ZERO: i32, const HALVES: bool, const OFFSETS: bool>(
    panel: &Panel<'_>,
    open: Open,
    tiles: Tiles<'_>,
    mut out: Product<'_>,
) {
    let tokens = out.tokens.min(MANY * QUAD);
    let near = tokens.div_ceil(TILE) * tiles.per_tile * size_of::<Run<TILE>>() <= NEAR_BYTES;
    for first in (0..out.tokens.div_ceil(QUAD)).step_by(MANY) {
        if out.tokens <= FEW * QUAD {
            blocks::<ZERO, HALVES, OFFSETS, FEW, 1>(panel, open, tiles, first, &mut out);
        } else if near {
            blocks::<ZERO, HALVES, OFFSETS, MANY, 1>(panel, open, tiles, first, &mut out);
        } else {
            blocks::<ZERO, HALVES, OFFSETS, MANY, 2>(panel, open, tiles, first, &mut out);
        }
    }
}

/// All groups, three at a time, for up to `QUADS` quads from `first` on. `TRIOS` of them go through
/// a slab of columns before the next slab, so that its activations come from afar once for all.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
#[expect(clippy::large_stack_arrays, reason = "at most 123 KiB, made once for a whole product")]
fn blocks<
    const ZERO: i32,
    const HALVES: bool,
    const OFFSETS: bool,
    const QUADS: usize,
    const TRIOS: usize,
>(
    panel: &Panel<'_>,
    open: Open,
    tiles: Tiles<'_>,
    first: usize,
    out: &mut Product<'_>,
) {
    let mut slab: Slab = [[Opened::ZERO; SLAB_RUNS]; TRIO];
    let mut sums: [[Sums; QUADS]; TRIOS] = [[[[_mm512_setzero_ps(); QUAD]; TRIO]; QUADS]; TRIOS];
    let used = out.tokens.div_ceil(QUAD).saturating_sub(first).min(QUADS);
    let (unit_lines, unit_cols) = panel.layout.unit();
    let unit_runs = unit_cols / 32;
    let units = panel.group_lines / unit_lines;
    let step = slab_units(units, unit_runs);
    let all = panel.lines.len() / panel.group_lines.max(1);
    let mut group = 0;
    while group < all {
        let cuts = Cuts::<TRIOS>::of(group, all);
        for start in (0..units).step_by(step) {
            let end = (start + step).min(units);
            let runs = start * unit_runs..end * unit_runs;
            for (cut, sums) in cuts.0.iter().zip(&mut sums).filter(|(cut, _)| !cut.is_empty()) {
                let lines = panel.lines.get(cut.start * panel.group_lines..).unwrap_or_default();
                let groups = lines.chunks_exact(panel.group_lines).take(cut.len());
                let slab_lines = (end - start) * unit_lines;
                // From what is opened now to what is opened next of these groups, or of those that
                // follow at the same place.
                let ahead = if end < units {
                    slab_lines
                } else {
                    cuts.groups() * panel.group_lines - start * unit_lines
                };
                let mut coming = [ptr::null(); TRIO];
                // How many lines of a group each quad asks for with each run.
                let share = slab_lines.div_ceil(used.max(1) * runs.len());
                for ((lines, slab), coming) in groups.zip(&mut slab).zip(&mut coming) {
                    let lines = lines.get(start * unit_lines..end * unit_lines).unwrap_or_default();
                    open(lines, slab);
                    *coming = lines.as_ptr().wrapping_add(ahead);
                }
                for (index, sums) in sums.iter_mut().take(used).enumerate() {
                    let quad = first + index;
                    let tile = quad / (TILE / QUAD) * tiles.per_tile;
                    let tile = tiles.runs.get(tile + runs.start..tile + runs.end);
                    // With many quads the first few ask for all.
                    let asked = index * share * runs.len();
                    let work = Work {
                        slab: &slab,
                        runs: tile.unwrap_or_default(),
                        per_tile: tiles.per_tile,
                        first: quad % (TILE / QUAD) * QUAD,
                        coming: coming.map(|line| line.wrapping_add(asked)),
                        share: if asked < slab_lines { share } else { 0 },
                    };
                    if cut.len() == TRIO {
                        add_slab::<ZERO, HALVES, OFFSETS, TRIO>(&work, sums);
                    } else {
                        add_slab::<ZERO, HALVES, OFFSETS, 2>(&work, sums);
                    }
                }
            }
        }
        for (cut, sums) in cuts.0.iter().zip(&mut sums) {
            for (index, sums) in sums.iter_mut().take(used).enumerate() {
                write(sums, cut, (first + index) * QUAD, panel.rows, out);
            }
            group = group.max(cut.end);
        }
    }
}

/// Up to `TRIOS` cuts of groups, each of three or two, or of a last one alone.
struct Cuts<const TRIOS: usize>([Range<usize>; TRIOS]);

impl<const TRIOS: usize> Cuts<TRIOS> {
    /// The cuts from `group` on, of `all` groups: no group is left alone where it can be helped.
    fn of(mut group: usize, all: usize) -> Self {
        let mut cuts = [const { 0..0 }; TRIOS];
        for cut in &mut cuts {
            let left = all - group;
            let len = if left == 4 || left < TRIO { left.min(2) } else { TRIO };
            *cut = group..group + len;
            group += len;
        }
        Self(cuts)
    }

    /// How many groups they are.
    fn groups(&self) -> usize {
        self.0.iter().map(Range::len).sum()
    }
}

/// How many units make up a slab: as many as fit, evenly.
fn slab_units(units: usize, unit_runs: usize) -> usize {
    let most = (SLAB_RUNS / unit_runs).max(1);
    units.div_ceil(units.div_ceil(most).max(1)).max(1)
}

/// Writes a quad's sums where they belong and makes them zero again.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn write(sums: &mut Sums, groups: &Range<usize>, token: usize, rows: usize, out: &mut Product<'_>) {
    for (group, sums) in groups.clone().zip(&mut *sums) {
        let row = group * GROUP_ROWS;
        let count = rows.saturating_sub(row).min(GROUP_ROWS);
        for (token, sum) in (token..out.tokens).zip(sums) {
            let start = token * out.stride + row;
            let places = out.data.get_mut(start..start + count).unwrap_or_default();
            put(places, &must_cast(*sum));
        }
    }
    *sums = [[_mm512_setzero_ps(); QUAD]; TRIO];
}
