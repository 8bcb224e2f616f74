//! From the rows of a file to interleaved lines.

use super::GROUP_ROWS;
use super::layout::{Layout, Line};
use crate::Format;
use crate::format::{Codes, six_bit_pair};

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
            Layout::NibbleSuper => put_super_blocks(bytes, row, lines),
            Layout::Nibble | Layout::NibbleOffset | Layout::Byte => {
                put_blocks(layout, bytes, format.block_bytes(), row, lines);
            }
            Layout::Wide | Layout::WideOffset | Layout::WideHalves | Layout::WideHalvesOffset => {
                put_wide(format, layout, bytes, row, lines);
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
fn put_super_blocks(bytes: &[u8], row: usize, lines: &mut [Line]) {
    let (unit_lines, _) = Layout::NibbleSuper.unit();
    for (index, block) in bytes.chunks_exact(Format::Q4K.block_bytes()).enumerate() {
        let first = index * unit_lines;
        let (head, codes) = block.split_at(16);
        let (factors, packed) = head.split_at(4);
        put(lines, first, 2 * row, &factors[..2]);
        put(lines, first, 32 + 2 * row, &factors[2..]);
        for run in 0..8 {
            let (scale, offset) = six_bit_pair(packed, run);
            put(lines, first + 1 + run / 2, 32 * (run % 2) + row, &[scale]);
            put(lines, first + 1 + run / 2, 32 * (run % 2) + 16 + row, &[offset]);
        }
        for (line, four) in codes.as_chunks::<4>().0.iter().enumerate() {
            put(lines, first + 5 + line, 4 * row, four);
        }
    }
}

/// The formats that open to bytes: f32 scales (and offsets) of a run, then its codes.
fn put_wide(format: Format, layout: Layout, bytes: &[u8], row: usize, lines: &mut [Line]) {
    let (unit_lines, _) = layout.unit();
    let runs = format.block_len() / 32;
    let halves = matches!(layout, Layout::WideHalves | Layout::WideHalvesOffset);
    let offsets = matches!(layout, Layout::WideOffset | Layout::WideHalvesOffset);
    for (index, block) in bytes.chunks_exact(format.block_bytes()).enumerate() {
        for run in 0..runs {
            let codes = Codes::read(format, block, run);
            // Formats with different zeros share a layout: Q3_K's codes move from 4 to 32.
            let shift = layout.zero() as u8 - codes.zero;
            let mut line = (index * runs + run) * unit_lines;
            let parts = if halves { 2 } else { 1 };
            for scale in codes.scale.iter().take(parts) {
                put(lines, line, 4 * row, &scale.to_ne_bytes());
                line += 1;
            }
            for offset in codes.offset.iter().take(if offsets { parts } else { 0 }) {
                put(lines, line, 4 * row, &offset.to_ne_bytes());
                line += 1;
            }
            for four in codes.code.as_chunks::<4>().0 {
                put(lines, line, 4 * row, &four.map(|code| code + shift));
                line += 1;
            }
        }
    }
}
