//! From the rows of a file to interleaved lines.

use bytemuck::must_cast;

use super::GROUP_ROWS;
use super::layout::{Layout, Line};
use crate::Format;
use crate::format::{Codes, factors};

/// Packs up to 16 rows, `row_bytes` bytes each, into the zeroed `lines` of one group.
pub(super) fn pack_group(
    format: Format,
    layout: Layout,
    rows: &[u8],
    row_bytes: usize,
    lines: &mut [Line],
) {
    for (row, bytes) in rows.chunks_exact(row_bytes).take(GROUP_ROWS).enumerate() {
        match layout {
            Layout::Single => put_words(bytes.as_chunks::<4>().0, row, lines),
            Layout::Half | Layout::UpperHalf => put_halves(bytes.as_chunks::<2>().0, row, lines),
            Layout::NibbleSuper => put_super_nibbles(bytes, row, lines),
            Layout::Nibble | Layout::NibbleOffset | Layout::Byte => {
                put_blocks(layout, bytes, format.block_bytes(), row, lines);
            }
            Layout::Five | Layout::FiveOffset => put_fives(format, layout, bytes, row, lines),
            Layout::FiveSuper | Layout::SixSuper | Layout::ThreeSuper | Layout::TwoSuper => {
                put_super_blocks(format, layout, bytes, row, lines);
            }
        }
    }
}

/// Copies `bytes` to byte `at` of a line; what does not fit is a defect that tests would show.
fn put(lines: &mut [Line], line: usize, at: usize, bytes: &[u8]) {
    if let Some(place) = lines.get_mut(line).and_then(|line| line.0.get_mut(at..at + bytes.len())) {
        place.copy_from_slice(bytes);
    }
}

fn put_words(words: &[[u8; 4]], row: usize, lines: &mut [Line]) {
    for (col, word) in words.iter().enumerate() {
        put(lines, col, 4 * row, word);
    }
}

fn put_halves(halves: &[[u8; 2]], row: usize, lines: &mut [Line]) {
    for (col, half) in halves.iter().enumerate() {
        put(lines, col / 2, 32 * (col % 2) + 2 * row, half);
    }
}

/// `Q4_0`, `Q4_1` and `Q8_0`: two blocks of 32 make a unit; f16 scales (and offsets) come first.
fn put_blocks(layout: Layout, bytes: &[u8], block_bytes: usize, row: usize, lines: &mut [Line]) {
    let (unit_lines, _) = layout.unit();
    let heads = if layout == Layout::NibbleOffset { 2 } else { 1 };
    let code_lines = (unit_lines - heads) / 2;
    let flip = if layout == Layout::Byte { 0x80 } else { 0 };
    for (index, block) in bytes.chunks_exact(block_bytes).enumerate() {
        let (first, part) = (index / 2 * unit_lines, index % 2);
        let (head, codes) = block.split_at(2 * heads);
        for (line, half) in head.as_chunks::<2>().0.iter().enumerate() {
            put(lines, first + line, 32 * part + 2 * row, half);
        }
        for (line, four) in codes.as_chunks::<4>().0.iter().enumerate() {
            let four = four.map(|code| code ^ flip);
            put(lines, first + heads + code_lines * part + line, 4 * row, &four);
        }
    }
}

/// `Q4_K`: the 6-bit scales and offsets are opened to bytes; the nibbles are kept as they are.
fn put_super_nibbles(bytes: &[u8], row: usize, lines: &mut [Line]) {
    let (unit_lines, _) = Layout::NibbleSuper.unit();
    for (index, block) in bytes.chunks_exact(Format::Q4K.block_bytes()).enumerate() {
        let first = index * unit_lines;
        put_factors(Format::Q4K, block, row, lines, first);
        let (_, codes) = block.split_at(16);
        for (line, four) in codes.as_chunks::<4>().0.iter().enumerate() {
            put(lines, first + 5 + line, 4 * row, four);
        }
    }
}

/// `Q5_0` and `Q5_1`: two blocks of 32 make a unit.
fn put_fives(format: Format, layout: Layout, bytes: &[u8], row: usize, lines: &mut [Line]) {
    let (unit_lines, _) = layout.unit();
    let heads = if layout == Layout::FiveOffset { 2 } else { 1 };
    for (index, block) in bytes.chunks_exact(format.block_bytes()).enumerate() {
        let (first, part) = (index / 2 * unit_lines, index % 2);
        for (line, half) in block.as_chunks::<2>().0.iter().take(heads).enumerate() {
            put(lines, first + line, 32 * part + 2 * row, half);
        }
        let code = Codes::read(format, block, 0).code;
        put_codes(&code, 5, row, lines, first + heads + 5 * part);
    }
}

/// The k-quants but `Q4_K`: blocks of 256 whose codes are cut into planes of bits.
fn put_super_blocks(format: Format, layout: Layout, bytes: &[u8], row: usize, lines: &mut [Line]) {
    let (unit_lines, _) = layout.unit();
    let width = (unit_lines - 5) / 8;
    for (index, block) in bytes.chunks_exact(format.block_bytes()).enumerate() {
        let first = index * unit_lines;
        put_factors(format, block, row, lines, first);
        for run in 0..8 {
            let code = Codes::read(format, block, run).code;
            put_codes(&code, width, row, lines, first + 5 + width * run);
        }
    }
}

/// A k-quant's factors: the f16 ones in the first line, the small ones as bytes in four more, two
/// of each run.
fn put_factors(format: Format, block: &[u8], row: usize, lines: &mut [Line], first: usize) {
    let (halves, small) = factors(format, block);
    for (which, half) in halves.iter().enumerate() {
        put(lines, first, 32 * which + 2 * row, half);
    }
    for (run, pair) in small.as_chunks::<2>().0.iter().enumerate() {
        for (which, byte) in pair.iter().enumerate() {
            put(lines, first + 1 + run / 2, 32 * (run % 2) + 16 * which + row, &[*byte]);
        }
    }
}

/// Cuts 32 codes of `width` bits into planes: nibbles, or pairs of bits where there are fewer than
/// four; then one or two bits more. `first` is the run's first line.
fn put_codes(code: &[u8; 32], width: usize, row: usize, lines: &mut [Line], first: usize) {
    // Four codes a word, so that four are cut at once.
    let words: [u32; 8] = must_cast(*code);
    let nibbles = |j: usize| words[j] & 0x0f0f_0f0f | (words[j + 4] & 0x0f0f_0f0f) << 4;
    let pairs = |half: usize, down: usize| {
        (0..4).fold(0, |all, k| all | ((words[4 * half + k] >> down) & 0x0303_0303) << (2 * k))
    };
    let bits = |down: usize| (0..8).fold(0, |all, j| all | ((words[j] >> down) & 0x0101_0101) << j);
    let planes = match width {
        6 => [nibbles(0), nibbles(1), nibbles(2), nibbles(3), pairs(0, 4), pairs(1, 4)],
        5 => [nibbles(0), nibbles(1), nibbles(2), nibbles(3), bits(4), 0],
        3 => [pairs(0, 0), pairs(1, 0), bits(2), 0, 0, 0],
        _ => [pairs(0, 0), pairs(1, 0), 0, 0, 0, 0],
    };
    for (line, word) in planes.iter().take(width).enumerate() {
        put(lines, first + line, 4 * row, &word.to_ne_bytes());
    }
}
