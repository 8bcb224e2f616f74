//! Blocks of every quantised type, and what the `gguf` Python package makes of them: see
//! `tests/fixtures/formats/make.py`.

use std::fs;
use std::path::Path;

use pricket_simd::{Format, PackedMatrix, dequantize_row};
use serde_json::Value;

use crate::material::{Random, bits};

fn kinds() -> Vec<Value> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats/quants.json");
    let told: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    told["kinds"].as_array().unwrap().clone()
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
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    let state = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{state:016x}")
}

#[test]
fn every_quantised_type_has_the_values_of_the_python_package_bit_for_bit() {
    let kinds = kinds();
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
    let quantised = Format::ALL.into_iter().filter(|format| format.block_len() > 1);
    assert_eq!(kinds.len(), quantised.count());
}

#[test]
fn packed_rows_have_them_too() {
    for kind in kinds() {
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
