//! What a cache of keys and values is made of.

use std::ops::Range;

use half::f16;

use super::{Attended, AttentionSpace, AttentionTile, KEY_BLOCK};
use crate::{Kernels, SimdError};

/// Sixteen numbers of eight bits: what a cache of eight bits is made of.
///
/// A block holds [`KEY_BLOCK`] positions of 32 dimensions: two lines with a scale for each position
/// (half precision, low byte first), then 32 lines of values. In a block of keys a line is one
/// dimension of all positions; in a block of values two lines are one position's dimensions. The
/// blocks of the same positions lie side by side. A number is its scale times its eight bits.
pub type KvLine = [i8; 16];

/// Dimensions that share a scale.
pub(super) const VALUES_OF_BLOCK: usize = 32;
/// Lines of scales of a block.
pub(super) const SCALE_LINES: usize = 2;
/// Lines of a block.
pub(super) const LINES_OF_BLOCK: usize = SCALE_LINES + VALUES_OF_BLOCK;
/// The greatest magnitude of eight bits.
const MOST: f32 = 127.0;

pub(super) mod sealed {
    use super::{Attended, AttentionSpace, AttentionTile, Kernels, Range};

    /// Nobody outside can name this, so nobody but [`Kernels::attend`] calls it.
    pub trait Attending: Sized {
        /// Elements of one head's keys, and of its values, for so many positions.
        const LENGTHS: [fn(usize, usize) -> Option<usize>; 2];
        /// What the width of a head must be a multiple of.
        const WIDTH_UNIT: usize;

        /// Runs the kernel for this element. The lengths are checked.
        fn run(
            kernels: &Kernels,
            tile: &AttentionTile<'_, Self>,
            span: Range<usize>,
            space: &mut AttentionSpace,
            state: &mut Attended<'_>,
        );

        /// The same where the values are the first numbers of the keys.
        fn run_within(
            kernels: &Kernels,
            tile: &AttentionTile<'_, Self>,
            span: Range<usize>,
            space: &mut AttentionSpace,
            state: &mut Attended<'_>,
        );
    }
}

/// What a KV cache stores: `f32`, [`half::f16`] or [`KvLine`].
pub trait KvElement:
    Copy + Default + Send + Sync + std::fmt::Debug + 'static + sealed::Attending
{
}

impl KvElement for f32 {}
impl KvElement for f16 {}
impl KvElement for KvLine {}

/// Numbers in blocks of positions.
fn in_blocks(width: usize, positions: usize) -> Option<usize> {
    positions.checked_next_multiple_of(KEY_BLOCK)?.checked_mul(width)
}

/// Numbers one position after the other.
fn in_rows(width: usize, positions: usize) -> Option<usize> {
    positions.checked_mul(width)
}

/// Lines of blocks of positions.
fn in_lines(width: usize, positions: usize) -> Option<usize> {
    let blocks = positions.div_ceil(KEY_BLOCK).checked_mul(width.div_ceil(VALUES_OF_BLOCK))?;
    blocks.checked_mul(LINES_OF_BLOCK)
}

macro_rules! attending {
    ($element:ty, $keys:ident, $values:ident, $unit:expr, $kernel:ident, $within:ident) => {
        impl sealed::Attending for $element {
            const LENGTHS: [fn(usize, usize) -> Option<usize>; 2] = [$keys, $values];
            const WIDTH_UNIT: usize = $unit;

            fn run(
                kernels: &Kernels,
                tile: &AttentionTile<'_, Self>,
                span: Range<usize>,
                space: &mut AttentionSpace,
                state: &mut Attended<'_>,
            ) {
                (kernels.table().$kernel)(tile, span, space, state);
            }

            fn run_within(
                kernels: &Kernels,
                tile: &AttentionTile<'_, Self>,
                span: Range<usize>,
                space: &mut AttentionSpace,
                state: &mut Attended<'_>,
            ) {
                (kernels.table().$within)(tile, span, space, state);
            }
        }
    };
}

attending!(f32, in_blocks, in_rows, 1, attend_f32, within_f32);
attending!(f16, in_blocks, in_rows, 1, attend_f16, within_f16);
attending!(KvLine, in_lines, in_lines, VALUES_OF_BLOCK, attend_lines, within_lines);

/// How many lines one head's keys, or its values, take for so many positions.
///
/// # Errors
/// [`SimdError::ShapeUnsupported`] where `width` is not a multiple of 32,
/// [`SimdError::SizeOverflow`].
pub fn kv_lines(width: usize, positions: usize) -> Result<usize, SimdError> {
    check_width(width, VALUES_OF_BLOCK)?;
    in_lines(width, positions).ok_or(SimdError::SizeOverflow { rows: positions, cols: width })
}

/// Refuses a width that is no multiple of what an element needs.
pub(super) fn check_width(width: usize, unit: usize) -> Result<(), SimdError> {
    if width.is_multiple_of(unit) {
        return Ok(());
    }
    Err(SimdError::ShapeUnsupported {
        what: "the width of a head in a cache of eight bits",
        found: width,
        want: "a multiple of 32",
    })
}

/// Writes a position's key into a head's lines, rounded to the nearest of eight bits: within half a
/// scale, which is the greatest magnitude of 32 dimensions over 127. Dimensions that are not finite
/// make all 32 not a number.
pub fn write_key_lines(
    lines: &mut [KvLine],
    position: usize,
    key: &[f32],
) -> Result<(), SimdError> {
    let lane = position % KEY_BLOCK;
    write_lines(lines, position, key, |block, values| {
        for (line, value) in block.iter_mut().zip(values) {
            line[lane] = value;
        }
    })
}

/// Writes a position's value into a head's lines, as [`write_key_lines`] does a key.
pub fn write_value_lines(
    lines: &mut [KvLine],
    position: usize,
    value: &[f32],
) -> Result<(), SimdError> {
    let row = position % KEY_BLOCK;
    write_lines(lines, position, value, |block, values| {
        let (places, _) = block.as_flattened_mut().as_chunks_mut::<VALUES_OF_BLOCK>();
        if let Some(places) = places.get_mut(row) {
            *places = values;
        }
    })
}

fn write_lines(
    lines: &mut [KvLine],
    position: usize,
    numbers: &[f32],
    place: impl Fn(&mut [KvLine], [i8; VALUES_OF_BLOCK]),
) -> Result<(), SimdError> {
    check_width(numbers.len(), VALUES_OF_BLOCK)?;
    let block = position / KEY_BLOCK * KEY_BLOCK;
    let start = kv_lines(numbers.len(), block)?;
    let end = kv_lines(numbers.len(), block.saturating_add(KEY_BLOCK))?;
    SimdError::check_room("the lines", end, lines.len())?;
    let blocks = lines.get_mut(start..end).unwrap_or_default();
    let blocks = blocks.chunks_exact_mut(LINES_OF_BLOCK);
    for (block, numbers) in blocks.zip(numbers.as_chunks::<VALUES_OF_BLOCK>().0) {
        let (scale, values) = quantized(numbers);
        let (scales, block) = block.split_at_mut(SCALE_LINES);
        let scales = scales.as_flattened_mut().as_chunks_mut::<2>().0;
        if let Some(place) = scales.get_mut(position % KEY_BLOCK) {
            *place = scale.to_le_bytes().map(u8::cast_signed);
        }
        place(block, values);
    }
    Ok(())
}

/// A scale and the numbers in its units.
fn quantized(numbers: &[f32; VALUES_OF_BLOCK]) -> (f16, [i8; VALUES_OF_BLOCK]) {
    if numbers.iter().any(|number| !number.is_finite()) {
        return (f16::NAN, [0; VALUES_OF_BLOCK]);
    }
    let most = numbers.iter().fold(0.0f32, |most, number| most.max(number.abs()));
    // A half rounds to nearest: where that is down, the greatest number is cut to 127.
    let scale = f16::from_f32(most / MOST);
    let unit = if scale == f16::ZERO { 0.0 } else { 1.0 / scale.to_f32() };
    (scale, numbers.map(|number| (number * unit).round_ties_even().clamp(-MOST, MOST) as i8))
}
