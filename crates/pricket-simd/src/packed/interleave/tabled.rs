//! Formats whose codes are places in a table: the places are packed as they are, whatever way the
//! file stores them in, with scales as singles and their multipliers as bytes.

use super::{bits, nibbles, put, put_heads, put_words, quarters};
use crate::Format;
use crate::format::{Tabled, half_power, int4};
use crate::packed::layout::Line;

/// MXFP4: the power of two becomes the upper half of a single; the nibbles are kept as they are.
pub(super) fn put_micro(unit: &mut [Line; 9], part: usize, row: usize, block: &[u8; 17]) {
    let [exponent, pairs @ ..] = block;
    let [first, ..] = unit;
    put(first, 32 * part + 2 * row, half_power(*exponent).to_le_bytes());
    put_words(unit, 1 + 4 * part, row, &super::words::<4>(pairs, 0));
}

/// `INT4`: the nibbles change places, so that the low ones are columns 0..16.
pub(super) fn put_int4(unit: &mut [Line; 9], part: usize, row: usize, block: &[u8; 18]) {
    put_heads::<1>(unit, part, row, block);
    put_words(unit, 1 + 4 * part, row, &nibbles(&words(int4(block))));
}

/// Three bits a code: `IQ1_*` and `IQ2_*`, whose scales have a multiplier for each half run.
pub(super) fn three<const BYTES: usize>(
    format: Format,
) -> impl Fn(&mut [Line; 29], usize, usize, &[u8; BYTES]) {
    move |unit, _, row, block| {
        let Some(tabled) = Tabled::of(format) else { return };
        put_scales::<4>(tabled, unit, row, block, |index| index);
        for run in 0..8 {
            let places = words(tabled.places(block, run));
            put_words(unit, 5 + 3 * run, row, &quarters(&places));
            put_words(unit, 7 + 3 * run, row, &[bits(&places.map(|place| place >> 2))]);
        }
    }
}

/// Four bits a code: `IQ3_*` and `IQ4_XS`, whose scales have a multiplier for each run.
pub(super) fn nibble<const BYTES: usize>(
    format: Format,
) -> impl Fn(&mut [Line; 35], usize, usize, &[u8; BYTES]) {
    move |unit, _, row, block| {
        let Some(tabled) = Tabled::of(format) else { return };
        put_scales::<2>(tabled, unit, row, block, |index| 2 * index);
        for run in 0..8 {
            let places = words(tabled.places(block, run));
            put_words(unit, 3 + 4 * run, row, &nibbles(&places));
        }
    }
}

/// Two bits a code: `TQ*`, which have one scale.
pub(super) fn two<const BYTES: usize>(
    format: Format,
) -> impl Fn(&mut [Line; 17], usize, usize, &[u8; BYTES]) {
    move |unit, _, row, block| {
        let Some(tabled) = Tabled::of(format) else { return };
        put_scales::<0>(tabled, unit, row, block, |index| index);
        for run in 0..8 {
            let places = words(tabled.places(block, run));
            put_words(unit, 1 + 2 * run, row, &quarters(&places));
        }
    }
}

/// A block's scale in the first line, and in `LINES` more the multipliers that `which` names.
fn put_scales<const LINES: usize>(
    tabled: Tabled,
    unit: &mut [Line],
    row: usize,
    block: &[u8],
    which: impl Fn(usize) -> usize,
) {
    let [first, rest @ ..] = unit else { return };
    put(first, 4 * row, tabled.scale(block).to_le_bytes());
    let multipliers = tabled.multipliers(block);
    for (index, line) in rest.iter_mut().take(LINES).enumerate() {
        for quarter in 0..4 {
            let multiplier = multipliers[which(4 * index + quarter) % 16];
            put(line, 16 * quarter + row, multiplier.to_le_bytes());
        }
    }
}

/// 32 codes, four to a word.
fn words(places: [u8; 32]) -> [u32; 8] {
    std::array::from_fn(|j| u32::from_le_bytes(std::array::from_fn(|k| places[4 * j + k])))
}
