//! Blocks of every quantised type, and what the `gguf` Python package makes of them: see
//! `tests/fixtures/formats/make.py`.

use std::fs;
use std::path::Path;

use pricket_simd::{Format, PackedMatrix, SimdError, dequantize_row, quantize_row};
use serde_json::Value;

use crate::material::{Random, bits};

fn told(list: &str) -> Vec<Value> {
    told_in("quants.json", list)
}

fn told_in(file: &str, list: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats");
    let told: Value = serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap();
    told[list].as_array().unwrap().clone()
}

fn format(name: &str) -> Format {
    Format::ALL.into_iter().find(|format| format.name() == name).unwrap()
}

/// The blocks that the package was given.
fn blocks(kind: &Value, format: Format) -> Vec<u8> {
    let count = kind["blocks"].as_u64().unwrap() as usize;
    let mut bytes = Random::new(kind["seed"].as_u64().unwrap()).bytes(count * format.block_bytes());
    for block in bytes.chunks_exact_mut(format.block_bytes()) {
        for at in kind["finite"].as_array().unwrap() {
            block[at.as_u64().unwrap() as usize] &= 0xbf;
        }
    }
    bytes
}

/// 64-bit FNV-1a over the bytes of the values.
fn hash(values: &[f32]) -> String {
    hash_of_bytes(values.iter().flat_map(|value| value.to_le_bytes()))
}

fn hash_of_bytes(bytes: impl Iterator<Item = u8>) -> String {
    let state = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{state:016x}")
}

#[test]
fn every_quantised_type_has_the_values_of_the_python_package_bit_for_bit() {
    let kinds = told("kinds");
    for kind in &kinds {
        let format = format(kind["name"].as_str().unwrap());
        let bytes = blocks(kind, format);
        let mut values = vec![0.0; bytes.len() / format.block_bytes() * format.block_len()];
        dequantize_row(format, &bytes, &mut values).unwrap();
        let first: Vec<u32> = kind["first"]
            .as_str()
            .unwrap()
            .split(' ')
            .map(|bits| u32::from_str_radix(bits, 16).unwrap())
            .collect();
        assert_eq!(bits(&values[..format.block_len()]), first, "{format}");
        assert_eq!(hash(&values), kind["fnv"].as_str().unwrap(), "{format}");
    }
    // INT4 is no type of GGUF files.
    let quantised = Format::ALL.into_iter().filter(|format| format.block_len() > 1);
    let quantised = quantised.filter(|format| *format != Format::Int4);
    assert_eq!(kinds.len(), quantised.count());
}

#[test]
fn packed_rows_have_them_too() {
    for kind in told("kinds") {
        let format = format(kind["name"].as_str().unwrap());
        let bytes = blocks(&kind, format);
        let cols = bytes.len() / format.block_bytes() / 16 * format.block_len();
        let packed = PackedMatrix::pack(format, 16, cols, &bytes).unwrap();
        let mut values = vec![0.0; 16 * cols];
        for (row, values) in values.chunks_exact_mut(cols).enumerate() {
            packed.row_into(row, values).unwrap();
        }
        assert_eq!(hash(&values), kind["fnv"].as_str().unwrap(), "{format}");
    }
}

/// The numbers that the package was given: see `make.py`.
fn numbers(kind: &Value) -> Vec<f32> {
    let blocks = kind["blocks"].as_u64().unwrap() as usize;
    let mut random = Random::new(kind["seed"].as_u64().unwrap());
    let mut numbers: Vec<f32> = (0..32 * blocks).map(|_| random.signed()).collect();
    for (block, run) in numbers.chunks_exact_mut(32).enumerate() {
        for number in run.iter_mut() {
            *number *= (block % 13 + 1) as f32;
        }
        if block % 17 == 16 {
            run.fill(0.0);
        }
        if block % 19 == 18 {
            run[..16].fill(0.0);
        }
    }
    numbers
}

#[test]
fn numbers_are_quantised_to_the_bytes_of_the_python_package() {
    let kinds = told("quantised");
    assert_eq!(kinds.len(), 3);
    for kind in kinds {
        let format = format(kind["name"].as_str().unwrap());
        let numbers = numbers(&kind);
        let mut blocks = vec![0xff; format.row_bytes(numbers.len()).unwrap()];
        quantize_row(format, &numbers, &mut blocks).unwrap();
        let first = blocks[..format.block_bytes()].iter().map(|byte| format!("{byte:02x}"));
        assert_eq!(first.collect::<String>(), kind["first"].as_str().unwrap(), "{format}");
        let hash = hash_of_bytes(blocks.into_iter());
        assert_eq!(hash, kind["fnv"].as_str().unwrap(), "{format}");
    }
}

#[test]
fn what_cannot_be_quantised_is_refused() {
    let mut out = [7; 34];
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = [1.0; 32];
        values[31] = bad;
        let error = quantize_row(Format::Q8_0, &values, &mut out).unwrap_err();
        assert!(matches!(error, SimdError::NotFinite { .. }), "{error}");
    }
    let error = quantize_row(Format::Q5_1, &[1.0; 32], &mut out[..24]).unwrap_err();
    assert_eq!(error.code(), "simd_quantizer_missing");
    assert!(quantize_row(Format::Q8_0, &[1.0; 31], &mut out).is_err());
    assert!(quantize_row(Format::Q8_0, &[1.0; 32], &mut out[..33]).is_err());
    assert_eq!(out, [7; 34], "a refusal writes nothing");
}

/// The numbers that llama.cpp's quantiser was given: see `q4_k.py`.
fn drawn(kind: &Value) -> Vec<f32> {
    let count = kind["numbers"].as_u64().unwrap() as usize;
    let mut random = Random::new(kind["seed"].as_u64().unwrap());
    match kind["kind"].as_str().unwrap() {
        "even" => (0..count).map(|_| random.signed()).collect(),
        "bell" => random.bells(count),
        "heavy" => random.bells(count).iter().map(|bell| bell * bell * bell).collect(),
        "apart" => random.bells(count).iter().map(|bell| bell + 2.0).collect(),
        other => panic!("{other}"),
    }
}

/// Where the format leaves the choice, ours loses less than llama.cpp's; by how much less is what
/// was measured when this was written, rounded up.
#[test]
fn our_search_loses_less_than_llama_cpps() {
    for (kind, at_most) in told_in("q4_k.json", "kinds").iter().zip([0.978, 0.977, 0.956, 0.984]) {
        let numbers = drawn(kind);
        let mut blocks = vec![0xff; Format::Q4K.row_bytes(numbers.len()).unwrap()];
        quantize_row(Format::Q4K, &numbers, &mut blocks).unwrap();
        let mut values = vec![0.0; numbers.len()];
        dequantize_row(Format::Q4K, &blocks, &mut values).unwrap();
        let lost = values.iter().zip(&numbers).map(|(a, b)| f64::from(a - b).powi(2));
        let lost = (lost.sum::<f64>() / numbers.len() as f64).sqrt();
        let theirs = kind["rmse"].as_f64().unwrap();
        eprintln!("{}: {lost:.5} of {theirs:.5}, {:.4}", kind["kind"], lost / theirs);
        assert!(lost <= at_most * theirs, "{}: {lost} of {theirs}", kind["kind"]);
    }
}

/// What is one number, or several that steps can hold, comes back, and nothing that is finite and
/// within reach makes a block that is not.
#[test]
fn blocks_of_q4_k_hold_what_is_simple_and_what_is_extreme() {
    let back = |numbers: &[f32; 256]| {
        let mut block = [0xff; 144];
        quantize_row(Format::Q4K, numbers, &mut block).unwrap();
        let mut values = [0.0; 256];
        dequantize_row(Format::Q4K, &block, &mut values).unwrap();
        values
    };
    for (what, numbers, tolerance) in [
        ("zeros", [0.0; 256], 0.0),
        ("one number", [0.75; 256], 0.75 / 1024.0),
        ("one below zero", [-0.75; 256], 0.75 / 1024.0),
        ("codes", std::array::from_fn(|at| (at % 16) as f32 * 0.5 - 2.0), 0.01),
        ("a run alone", std::array::from_fn(|at| if at / 32 == 5 { 3.0 } else { 0.0 }), 0.01),
        ("the greatest", [63.0 * 65_504.0; 256], 4_096.0),
        ("the least", [-63.0 * 65_504.0; 256], 4_096.0),
        ("both", std::array::from_fn(|at| (at as f32 - 127.5) * 32_364.0), 300_000.0),
        ("next to nothing", std::array::from_fn(|at| at as f32 * 1e-38), 1e-35),
    ] {
        for (value, number) in back(&numbers).iter().zip(&numbers) {
            assert!((value - number).abs() <= tolerance, "{what}: {value} for {number}");
        }
    }
}

/// A step is a half, which ends at 65,504: what lies beyond it would come back infinite.
#[test]
fn what_no_block_holds_is_refused() {
    for (format, greatest) in [
        (Format::Q8_0, 127.0 * 65_504.0),
        (Format::Q5_0, 16.0 * 65_504.0),
        (Format::Q4_0, 8.0 * 65_504.0),
        (Format::Q4K, 63.0 * 65_504.0),
    ] {
        let mut numbers = vec![1.0_f32; format.block_len()];
        let mut block = vec![0; format.block_bytes()];
        for sign in [1.0, -1.0] {
            numbers[3] = sign * greatest;
            quantize_row(format, &numbers, &mut block).unwrap();
            let mut values = vec![0.0; numbers.len()];
            dequantize_row(format, &block, &mut values).unwrap();
            assert!(values.iter().all(|value| value.is_finite()), "{format}");
            numbers[3] = sign * greatest * 1.001;
            let error = quantize_row(format, &numbers, &mut block).unwrap_err();
            assert_eq!(error.code(), "simd_not_finite", "{format}");
        }
    }
}
