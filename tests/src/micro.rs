//! A checkpoint whose experts are MXFP4, as the makers of gpt-oss publish them.

use std::io;

use pricket::models::{Safetensors, TensorSource};
use pricket::simd::dequantize_row;
use serde_json::{Value, json};

use crate::truncation::File;
use crate::{Scratch, tiny_model};

/// What codes stand for, without their sign (E2M1).
const STEPS: [f32; 8] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];

/// Two copies of a tiny gpt-oss: one whose experts were rounded to MXFP4, each tensor as blocks and
/// scales, and one with the numbers that these stand for, as floats and transposed.
///
/// # Errors
/// The file system's; `InvalidData` where the checkpoint is not made so.
pub fn in_mxfp4(name: &str) -> io::Result<[Scratch; 2]> {
    let scratches = [Scratch::of_tiny_model(name, None)?, Scratch::of_tiny_model(name, None)?];
    let weights = Safetensors::open(&tiny_model(name)).map_err(io::Error::other)?;
    let (mut blocks, mut floats) = (File::default(), File::default());
    for tensor in weights.tensors() {
        let info = weights.info(&tensor.name).map_err(io::Error::other)?;
        let mut bytes = vec![0; info.bytes as usize];
        weights.read_range(&tensor.name, 0, &mut bytes).map_err(io::Error::other)?;
        let experts = tensor.name.contains(".experts.") && !tensor.name.ends_with("_bias");
        let (&[count, cols, rows], true) = (&*tensor.shape, experts) else {
            for file in [&mut blocks, &mut floats] {
                file.add(&tensor.name, &json!(tensor.dtype), &json!(tensor.shape), &bytes);
            }
            continue;
        };
        let mut values = vec![0.0; count * cols * rows];
        dequantize_row(info.format, &bytes, &mut values).map_err(io::Error::other)?;
        let (mut codes, mut scales) = (Vec::new(), Vec::new());
        let mut rounded = vec![0.0; values.len()];
        for at in 0..count * rows {
            let (expert, row) = (at / rows, at % rows);
            let place = |col: usize| (expert * cols + col) * rows + row;
            for first in (0..cols).step_by(32) {
                let own: Vec<f32> = (first..first + 32).map(|col| values[place(col)]).collect();
                let (scale, quantised) = block(&own);
                scales.push(scale);
                for (col, code) in (first..).zip(quantised) {
                    rounded[place(col)] = number(scale, code);
                }
                codes.extend(quantised.chunks(2).map(|pair| pair[0] | pair[1] << 4));
            }
        }
        let axes = [count, rows, cols / 32];
        let of_codes = [count, rows, cols / 32, 16];
        blocks.add(&format!("{}_blocks", tensor.name), &json!("U8"), &json!(of_codes), &codes);
        blocks.add(&format!("{}_scales", tensor.name), &json!("U8"), &json!(axes), &scales);
        floats.add_floats(&tensor.name, &tensor.shape, &rounded);
    }
    for (scratch, file) in scratches.iter().zip([blocks, floats]) {
        file.write(&scratch.path().join("model.safetensors"))?;
    }
    let path = scratches[0].path().join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    config["quantization_config"] = json!({"quant_method": "mxfp4"});
    std::fs::write(path, config.to_string())?;
    Ok(scratches)
}

/// The scale of 32 values, as its byte (E8M0), and their codes: the largest becomes 4 or 6 times
/// the scale.
fn block(values: &[f32]) -> (u8, [u8; 32]) {
    let most = values.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
    let scale = (most.log2().floor() as i32 - 2 + 127) as u8;
    let mut codes = [0; 32];
    for (code, value) in codes.iter_mut().zip(values) {
        let size = value.abs() / number(scale, 2);
        let off = |step: &u8| (STEPS[usize::from(*step)] - size).abs();
        let nearest = (0..8).min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(0);
        *code = nearest | u8::from(*value < 0.0) << 3;
    }
    (scale, codes)
}

/// What a code stands for.
fn number(scale: u8, code: u8) -> f32 {
    let size = STEPS[usize::from(code & 7)] * 2f32.powi(i32::from(scale) - 127);
    if code < 8 { size } else { -size }
}
