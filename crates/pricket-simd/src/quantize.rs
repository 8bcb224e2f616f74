//! From numbers to blocks: the plain quantisers of GGUF's formats.

use half::f16;

use crate::{Format, SimdError};

/// Turns one row of numbers into blocks of a format, as ggml's reference quantisers define them:
/// `Q8_0`, where the greatest magnitude of 32 becomes 127 and halves are rounded away from zero,
/// and `Q4_0`, where it becomes -8 (the first of several) and the rest is rounded up from 8.5 steps
/// below. `out` holds exactly the row's bytes.
///
/// # Errors
/// [`SimdError::QuantizerMissing`] for other formats, [`SimdError::NotFinite`] for a value that no
/// block can hold.
pub fn quantize_row(format: Format, values: &[f32], out: &mut [u8]) -> Result<(), SimdError> {
    let expected = format.row_bytes(values.len())?;
    SimdError::check_len("the row's bytes", expected, out.len())?;
    if !matches!(format, Format::Q8_0 | Format::Q4_0) {
        return Err(SimdError::QuantizerMissing { format });
    }
    if let Some(value) = values.iter().copied().find(|value| !value.is_finite()) {
        return Err(SimdError::NotFinite { what: "quantisation", value });
    }
    let runs = values.as_chunks::<32>().0.iter();
    if format == Format::Q8_0 {
        for (run, block) in runs.zip(out.as_chunks_mut::<34>().0) {
            *block = q8_0(run);
        }
    } else {
        for (run, block) in runs.zip(out.as_chunks_mut::<18>().0) {
            *block = q4_0(run);
        }
    }
    Ok(())
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

fn q4_0(run: &[f32; 32]) -> [u8; 18] {
    let mut greatest = run[0];
    for value in run {
        if value.abs() > greatest.abs() {
            greatest = *value;
        }
    }
    let step = greatest / -8.0;
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
