//! The I-quants of one to three bits: codes are points of a grid of 8 or 4 dimensions, signs lie
//! beside them. Source: ggml's `dequantize_row_iq*` and the `gguf` package's `quants.py`.
//!
//! A place in a format's table of steps is what the grid says, and the sign in the bit above.

use half::f16;

use super::codes::{byte, bytes};
use super::grids::{self, Grid};

/// Eight values of a point of two bits each, and a bit above them where `signs` has one.
fn eight(point: u16, signs: u8) -> [u8; 8] {
    std::array::from_fn(|k| ((point >> (2 * k)) & 3) as u8 | ((signs >> k) & 1) << 2)
}

/// Four values of a point of three bits each, likewise.
fn four(point: u16, signs: u8) -> [u8; 4] {
    std::array::from_fn(|k| ((point >> (3 * k)) & 7) as u8 | ((signs >> k) & 1) << 3)
}

/// Four points of eight values each.
fn eights(grid: Grid, point: impl Fn(usize) -> (usize, u8)) -> [u8; 32] {
    let points = [0, 1, 2, 3].map(|at| {
        let (index, signs) = point(at);
        eight(grid.point(index), signs)
    });
    std::array::from_fn(|k| points[k / 8][k % 8])
}

/// Eight points of four values each; two share a byte of signs.
fn fours(grid: Grid, index: impl Fn(usize) -> usize, signs: impl Fn(usize) -> u8) -> [u8; 32] {
    let points: [[u8; 4]; 8] =
        std::array::from_fn(|at| four(grid.point(index(at)), signs(at / 2) >> (4 * (at % 2))));
    std::array::from_fn(|k| points[k / 4][k % 4])
}

/// Seven signs, and an eighth that makes the number of negative ones even.
fn even_signs(seven: u32) -> u8 {
    let seven = (seven & 127) as u8;
    seven | (seven.count_ones() as u8 & 1) << 7
}

fn u16_at(block: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes(*bytes(block, at)))
}

fn u32_at(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes(block, at))
}

/// `2 s + 1` where a nibble or less says `s`.
fn odd(s: u32) -> i8 {
    (2 * s + 1) as i8
}

/// `IQ2_XXS` and `IQ3_XXS`: the highest nibble of a word for each run, `stride` words apart.
pub(super) fn signed_multipliers(block: &[u8], at: usize, stride: usize) -> [i8; 16] {
    std::array::from_fn(|half| {
        let word = (half / 2) * stride + (stride - 1);
        odd(u32_at(block, at + 4 * word) >> 28)
    })
}

/// `COUNT` bytes with a nibble for each half of a run, or, where there are but four, for each run.
pub(super) fn nibble_multipliers<const COUNT: usize>(block: &[u8], at: usize) -> [i8; 16] {
    std::array::from_fn(|half| {
        let index = half * COUNT / 8;
        odd(u32::from(byte(block, at + index / 2) >> (4 * (index % 2)) & 15))
    })
}

/// `IQ2_XXS`: f16 scale; for each run four bytes of points, and four of four times seven signs
/// below a nibble of scale.
pub(super) fn two_xxs(block: &[u8], run: usize) -> [u8; 32] {
    let signs = u32_at(block, 6 + 8 * run);
    eights(grids::TWO_XXS, |at| {
        (usize::from(byte(block, 2 + 8 * run + at)), even_signs(signs >> (7 * at)))
    })
}

/// `IQ2_XS`: f16 scale, 32 times 9 bits of point below seven signs, 8 bytes of scales.
pub(super) fn two_xs(block: &[u8], run: usize) -> [u8; 32] {
    eights(grids::TWO_XS, |at| {
        let code = u16_at(block, 2 + 8 * run + 2 * at);
        (code & 511, even_signs((code >> 9) as u32))
    })
}

/// `IQ2_S`: f16 scale, 32 bytes of points, 32 of signs, 8 of the points' upper two bits, 8 of
/// scales.
pub(super) fn two_s(block: &[u8], run: usize) -> [u8; 32] {
    let upper = usize::from(byte(block, 66 + run));
    eights(grids::TWO_S, |at| {
        let low = usize::from(byte(block, 2 + 4 * run + at));
        (low | (upper >> (2 * at) & 3) << 8, byte(block, 34 + 4 * run + at))
    })
}

/// `IQ3_XXS`: f16 scale, 64 bytes of points, for each run four times seven signs below a nibble of
/// scale.
pub(super) fn three_xxs(block: &[u8], run: usize) -> [u8; 32] {
    let signs = u32_at(block, 66 + 4 * run);
    fours(
        grids::THREE_XXS,
        |at| usize::from(byte(block, 2 + 8 * run + at)),
        |pair| even_signs(signs >> (7 * pair)),
    )
}

/// `IQ3_S`: f16 scale, 64 bytes of points, 8 of their ninth bits, 32 of signs, 4 of scales.
pub(super) fn three_s(block: &[u8], run: usize) -> [u8; 32] {
    let upper = usize::from(byte(block, 66 + run));
    fours(
        grids::THREE_S,
        |at| usize::from(byte(block, 2 + 8 * run + at)) | (upper >> at & 1) << 8,
        |pair| byte(block, 74 + 4 * run + pair),
    )
}

/// `IQ1_S`: f16 scale, 32 bytes of points; for each run 16 bits: four times the points' upper
/// three, three of scale, and which way the run is moved.
pub(super) fn one_s(block: &[u8], run: usize) -> [u8; 32] {
    let upper = u16_at(block, 34 + 2 * run);
    let down = if upper & 0x8000 == 0 { 0 } else { 0xff };
    eights(grids::ONE, |at| {
        let low = usize::from(byte(block, 2 + 4 * run + at));
        (low | (upper >> (3 * at) & 7) << 8, down)
    })
}

/// The scales of `IQ1_S`.
pub(super) fn one_s_multipliers(block: &[u8]) -> [i8; 16] {
    std::array::from_fn(|half| odd((u16_at(block, 34 + half / 2 * 2) >> 12 & 7) as u32))
}

/// `IQ1_M`: 32 bytes of points, 16 of nibbles with their upper three bits and which way the eight
/// are moved, 8 of scales.
pub(super) fn one_m(block: &[u8], run: usize) -> [u8; 32] {
    eights(grids::ONE, |at| {
        let nibble = byte(block, 32 + 2 * run + at / 2) >> (4 * (at % 2));
        let low = usize::from(byte(block, 4 * run + at));
        let down = if nibble & 8 == 0 { 0 } else { 0xff };
        (low | usize::from(nibble & 7) << 8, down)
    })
}

/// The scales of `IQ1_M`: three bits for each half of a run, four times in 16 bits.
pub(super) fn one_m_multipliers(block: &[u8]) -> [i8; 16] {
    std::array::from_fn(|half| {
        odd((u16_at(block, 48 + half / 4 * 2) >> (3 * (half % 4)) & 7) as u32)
    })
}

/// The f16 scale of `IQ1_M`, whose nibbles lie above those scales.
pub(super) fn scattered_scale(block: &[u8]) -> f32 {
    let nibbles = [0, 1, 2, 3].map(|at| u16::from(byte(block, 49 + 2 * at) >> 4) << (4 * at));
    f16::from_bits(nibbles.into_iter().fold(0, |all, nibble| all | nibble)).to_f32()
}
