//! One row back from the packed form, as numbers.

use super::layout::{Layout, Line, Panel};
use super::opening::WeightRun;
use crate::format::SCALED_COLS;

/// Writes row `row` (0..16) of a panel of one group.
pub(super) fn row_into(group: &Panel<'_>, row: usize, out: &mut [f32]) {
    match group.layout {
        Layout::Single => each_line(group.lines, out, 1, |line, _| line.floats()[row]),
        Layout::Half => each_line(group.lines, out, 2, |line, part| line.halves(part)[row]),
        Layout::UpperHalf => {
            each_line(group.lines, out, 2, |line, part| line.upper_halves(part)[row]);
        }
        Layout::Small => {
            let units = group.lines.as_chunks::<33>().0;
            for ([scales, codes @ ..], out) in units.iter().zip(out.chunks_mut(SCALED_COLS)) {
                let scales = scales.floats();
                each_line(codes, out, 4, |line, part| line.small(part, &scales)[row]);
            }
        }
        layout => {
            for (index, values) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
                let run = WeightRun::open(layout, group.lines, index);
                for (k, value) in values.iter_mut().enumerate() {
                    let steps = i32::from(run.code[k / 4][4 * row + k % 4]) - layout.zero();
                    *value = run.scale[k / 16][row] * steps as f32 + run.offset[k / 16][row];
                }
            }
        }
    }
}

/// Reads `per` columns from each line.
fn each_line(lines: &[Line], out: &mut [f32], per: usize, value: impl Fn(&Line, usize) -> f32) {
    for (line, values) in lines.iter().zip(out.chunks_mut(per)) {
        for (part, place) in values.iter_mut().enumerate() {
            *place = value(line, part);
        }
    }
}
