//! The I-quants of one to three bits, one group of eight values after the other.

use crate::Format;
use crate::format::grids::{self, Grid};

use super::half;

/// Reads one whole block: 32 groups of eight values.
pub(super) fn read(format: Format, block: &[u8], y: &mut [f64]) {
    for (group, y) in y.chunks_exact_mut(8).enumerate() {
        match format {
            Format::Iq1S => one_s(block, group, y),
            Format::Iq1M => one_m(block, group, y),
            Format::Iq2Xxs => two_xxs(block, group, y),
            Format::Iq2Xs => two_xs(block, group, y),
            Format::Iq2S => two_s(block, group, y),
            Format::Iq3Xxs => three_xxs(block, group, y),
            _ => three_s(block, group, y),
        }
    }
}

fn word(block: &[u8], at: usize) -> usize {
    usize::from(block[at]) | usize::from(block[at + 1]) << 8
}

fn long(block: &[u8], at: usize) -> usize {
    word(block, at) | word(block, at + 2) << 16
}

/// Nibble `index` of the bytes from `at` on.
fn nibble(block: &[u8], at: usize, index: usize) -> usize {
    usize::from(block[at + index / 2]) >> (4 * (index % 2)) & 15
}

/// Seven signs, and one more that makes the negative ones even in number.
fn with_eighth(seven: usize) -> usize {
    let ones = (0..7).filter(|k| seven >> k & 1 == 1).count();
    seven & 127 | (ones % 2) << 7
}

fn sign(signs: usize, k: usize) -> f64 {
    if signs >> k & 1 == 1 { -1.0 } else { 1.0 }
}

/// Eight values of two bits each from one point.
fn eight(grid: Grid, index: usize, scale: f64, signs: usize, y: &mut [f64]) {
    let point = usize::from(grid.point(index));
    for (k, y) in y.iter_mut().enumerate() {
        *y = scale * [8.0, 25.0, 43.0][point >> (2 * k) & 3] * sign(signs, k);
    }
}

fn two_xxs(block: &[u8], group: usize, y: &mut [f64]) {
    let (run, at) = (group / 4, group % 4);
    let rest = long(block, 2 + 8 * run + 4);
    let scale = half(block, 0) * (0.5 + (rest >> 28) as f64) / 4.0;
    let index = usize::from(block[2 + 8 * run + at]);
    eight(grids::TWO_XXS, index, scale, with_eighth(rest >> (7 * at) & 127), y);
}

fn two_xs(block: &[u8], group: usize, y: &mut [f64]) {
    let code = word(block, 2 + 2 * group);
    let scale = half(block, 0) * (0.5 + nibble(block, 66, group / 2) as f64) / 4.0;
    eight(grids::TWO_XS, code % 512, scale, with_eighth(code / 512), y);
}

fn two_s(block: &[u8], group: usize, y: &mut [f64]) {
    let upper = usize::from(block[66 + group / 4]) >> (2 * (group % 4)) & 3;
    let scale = half(block, 0) * (0.5 + nibble(block, 74, group / 2) as f64) / 4.0;
    let (low, signs) = (usize::from(block[2 + group]), usize::from(block[34 + group]));
    eight(grids::TWO_S, low + 256 * upper, scale, signs, y);
}

/// Eight values of three bits each from two points.
fn two_fours(
    grid: Grid,
    steps: [f64; 8],
    points: [usize; 2],
    scale_signs: (f64, usize),
    y: &mut [f64],
) {
    let (scale, signs) = scale_signs;
    let points = points.map(|index| usize::from(grid.point(index)));
    for (k, y) in y.iter_mut().enumerate() {
        *y = scale * steps[points[k / 4] >> (3 * (k % 4)) & 7] * sign(signs, k);
    }
}

fn three_xxs(block: &[u8], group: usize, y: &mut [f64]) {
    let rest = long(block, 66 + 4 * (group / 4));
    let scale = half(block, 0) * (0.5 + (rest >> 28) as f64) / 2.0;
    let points = [0, 1].map(|at| usize::from(block[2 + 2 * group + at]));
    let signs = with_eighth(rest >> (7 * (group % 4)) & 127);
    let steps = [4.0, 12.0, 20.0, 28.0, 36.0, 44.0, 52.0, 62.0];
    two_fours(grids::THREE_XXS, steps, points, (scale, signs), y);
}

fn three_s(block: &[u8], group: usize, y: &mut [f64]) {
    let scale = half(block, 0) * (1 + 2 * nibble(block, 106, group / 4)) as f64;
    let points = [0, 1].map(|at| {
        let index = 2 * group + at;
        usize::from(block[2 + index]) | (usize::from(block[66 + index / 8]) >> (index % 8) & 1) << 8
    });
    let signs = usize::from(block[74 + group]);
    let steps = [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0];
    two_fours(grids::THREE_S, steps, points, (scale, signs), y);
}

/// Eight ternary values, moved by an eighth.
fn ternary(index: usize, scale: f64, moved: f64, y: &mut [f64]) {
    let point = usize::from(grids::ONE.point(index));
    for (k, y) in y.iter_mut().enumerate() {
        *y = scale * ((point >> (2 * k) & 3) as f64 - 1.0 + moved);
    }
}

fn one_s(block: &[u8], group: usize, y: &mut [f64]) {
    let rest = word(block, 34 + 2 * (group / 4));
    let scale = half(block, 0) * (2 * (rest >> 12 & 7) + 1) as f64;
    let index = usize::from(block[2 + group]) | (rest >> (3 * (group % 4)) & 7) << 8;
    ternary(index, scale, if rest >> 15 == 1 { -0.125 } else { 0.125 }, y);
}

fn one_m(block: &[u8], group: usize, y: &mut [f64]) {
    let bits = (0..4).map(|at| (word(block, 48 + 2 * at) >> 12) << (4 * at)).sum::<usize>();
    let d = half::f16::from_bits(bits as u16).to_f64();
    let scale = word(block, 48 + 2 * (group / 8)) >> (3 * (group / 2 % 4)) & 7;
    let rest = nibble(block, 32, group);
    let index = usize::from(block[group]) | (rest & 7) << 8;
    let moved = if rest & 8 == 0 { 0.125 } else { -0.125 };
    ternary(index, d * (2 * scale + 1) as f64, moved, y);
}
