//! From the rows of a file to interleaved lines.
//!
//! Unit by unit, and of each unit row by row, so that the lines that 16 rows write into stay in the
//! first-level cache until they are full.

mod tabled;

use super::GROUP_ROWS;
use super::layout::Line;
use crate::Format;
use crate::format::{SCALED_COLS, factors, run_scale};

/// Packs up to 16 rows, `row_bytes` bytes each, into the zeroed `lines` of one group.
pub(super) fn pack_group(format: Format, rows: &[u8], row_bytes: usize, lines: &mut [Line]) {
    let rows = Rows { bytes: rows, row_bytes };
    match format {
        Format::F32 => rows.each(1, lines, |[line]: &mut [Line; 1], _, row, value: &[u8; 4]| {
            put(line, 4 * row, *value);
        }),
        Format::F16 | Format::Bf16 => {
            rows.each(2, lines, |[line]: &mut [Line; 1], part, row, value: &[u8; 2]| {
                put(line, 32 * part + 2 * row, *value);
            });
        }
        Format::F8E4M3 => put_small(&rows, lines),
        Format::Int4 => rows.each(2, lines, tabled::put_int4),
        Format::Q4_0 | Format::Iq4Nl => rows.each(2, lines, put_block::<9, 18, 1>),
        Format::Q4_1 => rows.each(2, lines, put_block::<10, 20, 2>),
        Format::Q8_0 => rows.each(2, lines, put_bytes),
        Format::Q5_0 => rows.each(2, lines, put_five::<11, 22, 1>),
        Format::Q5_1 => rows.each(2, lines, put_five::<12, 24, 2>),
        Format::Q4K => rows.each(1, lines, put_nibble_super),
        Format::Q5K => rows.each(1, lines, put_five_super),
        Format::Q6K => rows.each(1, lines, put_six_super),
        Format::Q3K => rows.each(1, lines, put_three_super),
        Format::Q2K => rows.each(1, lines, put_two_super),
        Format::Mxfp4 => rows.each(2, lines, tabled::put_micro),
        Format::Iq1S => rows.each(1, lines, tabled::three::<50>(format)),
        Format::Iq1M => rows.each(1, lines, tabled::three::<56>(format)),
        Format::Iq2Xxs => rows.each(1, lines, tabled::three::<66>(format)),
        Format::Iq2Xs => rows.each(1, lines, tabled::three::<74>(format)),
        Format::Iq2S => rows.each(1, lines, tabled::three::<82>(format)),
        Format::Iq3Xxs => rows.each(1, lines, tabled::nibble::<98>(format)),
        Format::Iq3S => rows.each(1, lines, tabled::nibble::<110>(format)),
        Format::Iq4Xs => rows.each(1, lines, tabled::nibble::<136>(format)),
        Format::Tq1_0 => rows.each(1, lines, tabled::two::<54>(format)),
        Format::Tq2_0 => rows.each(1, lines, tabled::two::<66>(format)),
    }
}

/// Up to 16 rows of a file, one behind the other.
struct Rows<'a> {
    bytes: &'a [u8],
    row_bytes: usize,
}

impl Rows<'_> {
    /// Hands every block of `BYTES` bytes to `put`, with the unit of `LINES` lines that it belongs
    /// to, which of the unit's `parts` blocks it is, and its row.
    fn each<const LINES: usize, const BYTES: usize>(
        &self,
        parts: usize,
        lines: &mut [Line],
        put: impl Fn(&mut [Line; LINES], usize, usize, &[u8; BYTES]),
    ) {
        let mut rows: [&[[u8; BYTES]]; GROUP_ROWS] = [&[]; GROUP_ROWS];
        for (row, bytes) in rows.iter_mut().zip(self.bytes.chunks_exact(self.row_bytes)) {
            *row = bytes.as_chunks().0;
        }
        for (index, unit) in lines.as_chunks_mut::<LINES>().0.iter_mut().enumerate() {
            for (row, blocks) in rows.iter().enumerate() {
                let blocks = blocks.get(index * parts..).unwrap_or_default();
                for (part, block) in blocks.iter().take(parts).enumerate() {
                    put(unit, part, row, block);
                }
            }
        }
    }
}

/// `F8_E4M3`: column by column, and a scale for each row of a unit.
fn put_small(rows: &Rows<'_>, lines: &mut [Line]) {
    let units = lines.as_chunks_mut::<33>().0;
    let cols = rows.row_bytes.saturating_sub(units.len() * size_of::<f32>());
    for (row, bytes) in rows.bytes.chunks_exact(rows.row_bytes).enumerate() {
        let (codes, scales) = bytes.split_at(cols);
        let runs = codes.chunks(SCALED_COLS).zip(scales.as_chunks().0);
        for ([first, unit @ ..], (codes, scale)) in units.iter_mut().zip(runs) {
            let scale = run_scale(codes, f32::from_le_bytes(*scale));
            put(first, 4 * row, scale.to_le_bytes());
            for (line, four) in unit.iter_mut().zip(codes.chunks(4)) {
                for (column, code) in four.iter().enumerate() {
                    put(line, 16 * column + row, [*code]);
                }
            }
        }
    }
}

/// Copies bytes to byte `at` of a line; what does not fit is a defect that tests would show.
#[inline]
fn put<const N: usize>(line: &mut Line, at: usize, bytes: [u8; N]) {
    if let Some(place) = line.0.get_mut(at..at + N) {
        place.copy_from_slice(&bytes);
    }
}

/// Puts a word for each line from `first` on.
#[inline]
fn put_words(unit: &mut [Line], first: usize, row: usize, words: &[u32]) {
    let lines = unit.get_mut(first..first + words.len()).unwrap_or_default();
    for (line, word) in lines.iter_mut().zip(words) {
        put(line, 4 * row, word.to_le_bytes());
    }
}

/// `N` words, as they stand at byte `at` of a block; zeros where it ends, which whole blocks do
/// not.
#[inline]
fn words<const N: usize>(block: &[u8], at: usize) -> [u32; N] {
    let words = block.get(at..).unwrap_or_default().as_chunks().0;
    std::array::from_fn(|j| words.get(j).map_or(0, |word| u32::from_le_bytes(*word)))
}

/// A block's f16 scale, and its offset where it has one: the first `HEADS` lines.
#[inline]
fn put_heads<const HEADS: usize>(unit: &mut [Line], part: usize, row: usize, block: &[u8]) {
    let halves = block.as_chunks::<2>().0;
    for (line, half) in unit.iter_mut().zip(halves).take(HEADS) {
        put(line, 32 * part + 2 * row, *half);
    }
}

/// `Q4_0` and `Q4_1`: the nibbles as they are.
fn put_block<const LINES: usize, const BYTES: usize, const HEADS: usize>(
    unit: &mut [Line; LINES],
    part: usize,
    row: usize,
    block: &[u8; BYTES],
) {
    put_heads::<HEADS>(unit, part, row, block);
    put_words(unit, HEADS + 4 * part, row, &words::<4>(block, 2 * HEADS));
}

/// `Q8_0`: the sign is flipped, so that zero is 128.
fn put_bytes(unit: &mut [Line; 17], part: usize, row: usize, block: &[u8; 34]) {
    put_heads::<1>(unit, part, row, block);
    let codes = words::<8>(block, 2).map(|four| four ^ 0x8080_8080);
    put_words(unit, 1 + 8 * part, row, &codes);
}

/// `Q5_0` and `Q5_1`: the nibbles as they are, the fifth bits in a line of their own.
fn put_five<const LINES: usize, const BYTES: usize, const HEADS: usize>(
    unit: &mut [Line; LINES],
    part: usize,
    row: usize,
    block: &[u8; BYTES],
) {
    put_heads::<HEADS>(unit, part, row, block);
    let [fifth, nibbles @ ..] = words::<5>(block, 2 * HEADS);
    // Four bits, each to the lowest of a byte.
    let spread = |four: u32| ((four & 15) * 0x0020_4081) & 0x0101_0101;
    let bits = (0..8).fold(0, |all, j| all | spread(fifth >> (4 * j)) << j);
    put_words(unit, HEADS + 5 * part, row, &nibbles);
    put_words(unit, HEADS + 5 * part + 4, row, &[bits]);
}

/// A k-quant's factors: the f16 ones in the first line, the small ones as bytes in four more, two
/// of each run.
#[inline]
fn put_factors(format: Format, unit: &mut [Line], row: usize, block: &[u8]) {
    let (halves, small) = factors(format, block);
    let [first, rest @ ..] = unit else { return };
    for (which, half) in halves.iter().enumerate() {
        put(first, 32 * which + 2 * row, *half);
    }
    for (line, four) in rest.iter_mut().zip(small.as_chunks::<4>().0) {
        for (which, byte) in four.iter().enumerate() {
            put(line, 16 * which + row, [*byte]);
        }
    }
}

/// Eight words of codes as four of nibbles: the lower half of the columns below.
#[inline]
fn nibbles(codes: &[u32; 8]) -> [u32; 4] {
    std::array::from_fn(|j| codes[j] & 0x0f0f_0f0f | (codes[j + 4] & 0x0f0f_0f0f) << 4)
}

/// Eight words of 2-bit codes as two, four codes to a byte.
#[inline]
fn quarters(codes: &[u32; 8]) -> [u32; 2] {
    std::array::from_fn(|half| {
        (0..4).fold(0, |all, k| all | (codes[4 * half + k] & 0x0303_0303) << (2 * k))
    })
}

/// Eight words of single bits as one.
#[inline]
fn bits(codes: &[u32; 8]) -> u32 {
    (0..8).fold(0, |all, j| all | (codes[j] & 0x0101_0101) << j)
}

/// `Q4_K`: the 6-bit scales and offsets are opened to bytes; the nibbles are kept as they are.
fn put_nibble_super(unit: &mut [Line; 37], _: usize, row: usize, block: &[u8; 144]) {
    put_factors(Format::Q4K, unit, row, block);
    put_words(unit, 5, row, &words::<32>(block, 16));
}

/// `Q5_K`: runs 2i and 2i + 1 are the low and high nibbles of one 32 bytes; bit `run` of another 32
/// belongs to a run.
fn put_five_super(unit: &mut [Line; 45], _: usize, row: usize, block: &[u8; 176]) {
    put_factors(Format::Q5K, unit, row, block);
    let fifth = words::<8>(block, 16);
    for run in 0..8 {
        let pairs = words::<8>(block, 48 + 32 * (run / 2));
        let codes = pairs.map(|pair| pair >> (4 * (run % 2)));
        put_words(unit, 5 + 5 * run, row, &nibbles(&codes));
        put_words(unit, 9 + 5 * run, row, &[bits(&fifth.map(|bit| bit >> run))]);
    }
}

/// `Q6_K`: in each half of 128 values, runs 0 and 1 are the low nibbles of 64 bytes and runs 2 and
/// 3 the high ones; the upper two bits of a half's runs share 32 bytes.
fn put_six_super(unit: &mut [Line; 53], _: usize, row: usize, block: &[u8; 210]) {
    put_factors(Format::Q6K, unit, row, block);
    for run in 0..8 {
        let (half, part) = (run / 4, run % 4);
        let low = words::<8>(block, 64 * half + 32 * (part % 2)).map(|w| w >> (4 * (part / 2)));
        let upper = words::<8>(block, 128 + 32 * half).map(|w| w >> (2 * part));
        put_words(unit, 5 + 6 * run, row, &nibbles(&low));
        put_words(unit, 9 + 6 * run, row, &quarters(&upper));
    }
}

/// `Q3_K`: each half of 128 values shares 32 bytes of 2-bit codes; bit `run` of 32 bytes is a run's
/// third.
fn put_three_super(unit: &mut [Line; 29], _: usize, row: usize, block: &[u8; 110]) {
    put_factors(Format::Q3K, unit, row, block);
    let third = words::<8>(block, 0);
    for run in 0..8 {
        let low = words::<8>(block, 32 + 32 * (run / 4)).map(|w| w >> (2 * (run % 4)));
        put_words(unit, 5 + 3 * run, row, &quarters(&low));
        put_words(unit, 7 + 3 * run, row, &[bits(&third.map(|bit| bit >> run))]);
    }
}

/// `Q2_K`: each half of 128 values shares 32 bytes of 2-bit codes.
fn put_two_super(unit: &mut [Line; 21], _: usize, row: usize, block: &[u8; 84]) {
    put_factors(Format::Q2K, unit, row, block);
    for run in 0..8 {
        let codes = words::<8>(block, 16 + 32 * (run / 4)).map(|w| w >> (2 * (run % 4)));
        put_words(unit, 5 + 2 * run, row, &quarters(&codes));
    }
}
