//! Opens packed lines into plain arrays: what the scalar kernels and the row reader share.

use super::layout::{Layout, Line};
use crate::format::NO_OFFSET;

/// 32 columns of 16 rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WeightRun {
    /// Line `j` holds columns `4j..4j + 4`, four bytes per row.
    pub(crate) code: [[u8; 64]; 8],
    /// Scales per row, for columns 0..16 and 16..32.
    pub(crate) scale: [[f32; 16]; 2],
    /// Offsets per row, likewise; [`NO_OFFSET`] in layouts without offsets.
    pub(crate) offset: [[f32; 16]; 2],
}

/// Eight lines of codes.
type CodeLines = [[u8; 64]; 8];

impl WeightRun {
    /// Opens run `run` (32 columns) of a group's `lines`. A slice that is too short gives zeros.
    pub(crate) fn open(layout: Layout, lines: &[Line], run: usize) -> Self {
        let (unit_lines, unit_cols) = layout.unit();
        let runs = (unit_cols / 32).max(1);
        let unit = lines.get(run / runs * unit_lines..).unwrap_or_default();
        let at = |index: usize| unit.get(index).copied().unwrap_or(Line::ZERO);
        let part = run % runs;
        let none = [[NO_OFFSET; 16]; 2];
        let even = |code| Self { code, scale: [at(0).halves(part); 2], offset: none };
        let even_offset = |code| Self { offset: [at(1).halves(part); 2], ..even(code) };
        let small = at(1 + part / 2);
        match layout {
            Layout::Nibble => even(nibbles(|j| at(1 + 4 * part + j))),
            Layout::NibbleOffset => even_offset(nibbles(|j| at(2 + 4 * part + j))),
            Layout::Byte => even(std::array::from_fn(|j| at(1 + 8 * part + j).0)),
            Layout::Five => even(five(|j| at(1 + 5 * part + j))),
            Layout::FiveOffset => even_offset(five(|j| at(2 + 5 * part + j))),
            Layout::NibbleSuper | Layout::FiveSuper => {
                let shift = 4 * (part % 2);
                let code = if layout == Layout::FiveSuper {
                    five(|j| at(5 + 5 * part + j))
                } else {
                    std::array::from_fn(|j| {
                        at(5 + part / 2 * 8 + j).0.map(|pair| (pair >> shift) & 15)
                    })
                };
                let [scale, offset] = [0, 1].map(|which| {
                    let bytes = small.bytes(part % 2 * 2 + which);
                    products(at(0).halves(which), bytes.map(f32::from))
                });
                Self { code, scale: [scale; 2], offset: [offset.map(|offset| -offset); 2] }
            }
            Layout::SixSuper | Layout::ThreeSuper => {
                let code = if layout == Layout::SixSuper {
                    six(|j| at(5 + 6 * part + j))
                } else {
                    with_bits(quarters(|j| at(5 + 3 * part + j)), &at(5 + 3 * part + 2), 2)
                };
                let scale = [0, 1].map(|half| {
                    let bytes = small.bytes(part % 2 * 2 + half);
                    products(at(0).halves(0), bytes.map(|byte| f32::from(byte.cast_signed())))
                });
                Self { code, scale, offset: none }
            }
            Layout::TwoSuper => {
                let bytes = [0, 1].map(|half| small.bytes(part % 2 * 2 + half));
                let low = bytes.map(|b| products(at(0).halves(0), b.map(|b| f32::from(b & 15))));
                let high = bytes.map(|b| products(at(0).halves(1), b.map(|b| f32::from(b >> 4))));
                Self {
                    code: quarters(|j| at(5 + 2 * part + j)),
                    scale: low,
                    offset: high.map(|offsets| offsets.map(|offset| -offset)),
                }
            }
            Layout::Single | Layout::Half | Layout::UpperHalf | Layout::Small => {
                Self { code: [[0; 64]; 8], scale: none, offset: none }
            }
            _ => Self::open_tabled(layout, at, part),
        }
    }

    /// The same for codes that are places in a table, or ternary: `part` of a unit's lines.
    fn open_tabled(layout: Layout, at: impl Fn(usize) -> Line, part: usize) -> Self {
        let none = [[NO_OFFSET; 16]; 2];
        // The scales of a run of which line `line` has the multipliers.
        let multiplied = |line: usize, quarter: usize| {
            let bytes = at(line).bytes(quarter).map(|byte| f32::from(byte.cast_signed()));
            products(at(0).floats(), bytes)
        };
        let mut opened = match layout {
            Layout::NibbleCurveSuper | Layout::NibbleWide | Layout::NibbleOdd => Self {
                code: nibbles(|j| at(3 + 4 * part + j)),
                scale: [multiplied(1 + part / 4, part % 4); 2],
                offset: none,
            },
            Layout::ThreeTriple | Layout::ThreeEighths => Self {
                code: with_bits(quarters(|j| at(5 + 3 * part + j)), &at(5 + 3 * part + 2), 2),
                scale: [0, 1].map(|half| multiplied(1 + part / 2, part % 2 * 2 + half)),
                offset: none,
            },
            Layout::TwoTernary => Self {
                code: quarters(|j| at(1 + 2 * part + j)),
                scale: [at(0).floats(); 2],
                offset: none,
            },
            _ => {
                let halves = layout == Layout::NibbleCurve;
                let scale = if halves { at(0).halves(part) } else { at(0).upper_halves(part) };
                Self { code: nibbles(|j| at(1 + 4 * part + j)), scale: [scale; 2], offset: none }
            }
        };
        if let Some(steps) = layout.steps() {
            opened.code = opened.code.map(|line| line.map(|place| steps[usize::from(place & 15)]));
        }
        opened
    }
}

fn products(a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
    std::array::from_fn(|row| a[row] * b[row])
}

/// Four lines of nibbles as eight lines of codes: the low nibbles are columns 0..16.
fn nibbles(line: impl Fn(usize) -> Line) -> CodeLines {
    std::array::from_fn(|j| line(j % 4).0.map(|pair| (pair >> (4 * (j / 4))) & 15))
}

/// Two lines of 2-bit codes as eight lines.
fn quarters(line: impl Fn(usize) -> Line) -> CodeLines {
    std::array::from_fn(|j| line(j / 4).0.map(|fours| (fours >> (2 * (j % 4))) & 3))
}

/// Adds bit `j` of each byte of a line to the codes of line `j`, in the place `place`.
fn with_bits(mut code: CodeLines, bits: &Line, place: usize) -> CodeLines {
    for (j, code) in code.iter_mut().enumerate() {
        for (code, bits) in code.iter_mut().zip(bits.0) {
            *code |= ((bits >> j) & 1) << place;
        }
    }
    code
}

/// Four lines of nibbles and one of fifth bits.
fn five(line: impl Fn(usize) -> Line) -> CodeLines {
    let bits = line(4);
    with_bits(nibbles(line), &bits, 4)
}

/// Four lines of nibbles and two with the upper two bits.
fn six(line: impl Fn(usize) -> Line) -> CodeLines {
    let mut code = nibbles(&line);
    for (code, upper) in code.iter_mut().zip(quarters(|j| line(4 + j))) {
        for (code, upper) in code.iter_mut().zip(upper) {
            *code |= upper << 4;
        }
    }
    code
}
