//! Blocks of every quantised type, and what the `gguf` Python package makes of them: see
//! `tests/fixtures/formats/make.py`.

use std::fs;
use std::path::Path;

use pricket_simd::{Format, PackedMatrix, SimdError, dequantize_row, quantize_row};
use serde_json::Value;

use crate::material::{Random, bits};

fn told(list: &str) -> Vec<Value> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats/quants.json");
    let told: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
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
    assert_eq!(kinds.len(), 2);
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
    let error = quantize_row(Format::Q5_0, &[1.0; 32], &mut out[..22]).unwrap_err();
    assert_eq!(error.code(), "simd_quantizer_missing");
    assert!(quantize_row(Format::Q8_0, &[1.0; 31], &mut out).is_err());
    assert!(quantize_row(Format::Q8_0, &[1.0; 32], &mut out[..33]).is_err());
    assert_eq!(out, [7; 34], "a refusal writes nothing");
}
