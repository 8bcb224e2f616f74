//! From numbers to blocks: the quantisers of GGUF's formats.

mod q4_k;

use half::f16;

use crate::{Format, SimdError};

/// Turns one row of numbers into blocks of a format. `out` holds exactly the row's bytes.
///
/// Three are ggml's reference quantisers: `Q8_0`, where the greatest magnitude of 32 becomes 127
/// and halves are rounded away from zero, and `Q4_0` and `Q5_0`, where it becomes -8 or -16 (the
/// first of several) and the rest is rounded up from 8.5 or 16.5 steps below. `Q4_K` leaves the
/// choice of scales to whoever writes it, and has a search of our own for the least sum of squares:
/// the same blocks from the same numbers on every machine.
///
/// # Errors
/// [`SimdError::QuantizerMissing`] for other formats, [`SimdError::NotFinite`] for a value that no
/// block can hold.
pub fn quantize_row(format: Format, values: &[f32], out: &mut [u8]) -> Result<(), SimdError> {
    let expected = format.row_bytes(values.len())?;
    SimdError::check_len("the row's bytes", expected, out.len())?;
    if !matches!(format, Format::Q8_0 | Format::Q5_0 | Format::Q4_0 | Format::Q4K) {
        return Err(SimdError::QuantizerMissing { format });
    }
    let held = 0.0..=greatest(format);
    if let Some(value) = values.iter().copied().find(|value| !held.contains(&value.abs())) {
        return Err(SimdError::NotFinite { what: "quantisation", value });
    }
    let runs = values.as_chunks::<32>().0.iter();
    match format {
        Format::Q8_0 => {
            runs.zip(out.as_chunks_mut().0).for_each(|(run, block)| *block = q8_0(run));
        }
        Format::Q5_0 => {
            runs.zip(out.as_chunks_mut().0).for_each(|(run, block)| *block = q5_0(run));
        }
        Format::Q4_0 => {
            runs.zip(out.as_chunks_mut().0).for_each(|(run, block)| *block = q4_0(run));
        }
        _ => {
            let blocks = values.as_chunks().0.iter().zip(out.as_chunks_mut().0);
            blocks.for_each(|(values, block)| *block = q4_k::block(values));
        }
    }
    Ok(())
}

/// The greatest magnitude that blocks hold: its step is no larger than the greatest half. Of `Q4_K`
/// it is that of a negative number, which the offset alone holds, 63 halves.
fn greatest(format: Format) -> f32 {
    let half = f16::MAX.to_f32();
    match format {
        Format::Q8_0 => 127.0 * half,
        Format::Q5_0 => 16.0 * half,
        Format::Q4_0 => 8.0 * half,
        _ => 63.0 * half,
    }
}

/// What a step's inverse is; zero for a step of zero.
fn inverse(step: f32) -> f32 {
    if step == 0.0 { 0.0 } else { 1.0 / step }
}

fn q8_0(run: &[f32; 32]) -> [u8; 34] {
    let step = run.iter().fold(0.0_f32, |most, value| most.max(value.abs())) / 127.0;
    let inverse = inverse(step);
    let [low, high] = f16::from_f32(step).to_le_bytes();
    let mut block = [0; 34];
    let [first, second, codes @ ..] = &mut block;
    (*first, *second) = (low, high);
    for (code, value) in codes.iter_mut().zip(run) {
        *code = ((value * inverse).round() as i8).cast_unsigned();
    }
    block
}

/// The value of the greatest magnitude, the first of several.
fn extreme(run: &[f32; 32]) -> f32 {
    let further = |most: f32, value: f32| if value.abs() > most.abs() { value } else { most };
    run.iter().copied().fold(0.0, further)
}

fn q4_0(run: &[f32; 32]) -> [u8; 18] {
    let step = extreme(run) / -8.0;
    let inverse = inverse(step);
    let code = |value: f32| ((value * inverse + 8.5) as u8).min(15);
    let [low, high] = f16::from_f32(step).to_le_bytes();
    let mut block = [0; 18];
    let [first, second, pairs @ ..] = &mut block;
    (*first, *second) = (low, high);
    let (lower, upper) = run.split_at(16);
    for ((pair, lower), upper) in pairs.iter_mut().zip(lower).zip(upper) {
        *pair = code(*lower) | code(*upper) << 4;
    }
    block
}

/// The fifth bits of all codes stand in four bytes before the nibbles.
fn q5_0(run: &[f32; 32]) -> [u8; 22] {
    let step = extreme(run) / -16.0;
    let inverse = inverse(step);
    let codes = run.map(|value| ((value * inverse + 16.5) as u8).min(31));
    let mut block = [0; 22];
    let [first, second, fifth @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = &mut block;
    [*first, *second] = f16::from_f32(step).to_le_bytes();
    let bits = codes.iter().rev().fold(0_u32, |bits, code| bits << 1 | u32::from(code >> 4));
    *fifth = bits.to_le_bytes();
    let (lower, upper) = codes.split_at(16);
    for ((pair, lower), upper) in block.iter_mut().skip(6).zip(lower).zip(upper) {
        *pair = (lower & 15) | (upper & 15) << 4;
    }
    block
}
