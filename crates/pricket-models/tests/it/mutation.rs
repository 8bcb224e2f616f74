//! Whatever happens to a file's bytes, reading it ends in a model or a typed error.

use std::path::Path;

use pricket_models::{
    GenerationDefaults, GgufFile, HfConfig, ModelError, Safetensors, TensorSource, ZippedTensors,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::archive_writer::{dictionary, npy, tensor, torch, zip};
use crate::gguf_writer::File;

#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Copy(Index, Index, usize),
    /// Little-endian numbers where counts and lengths stand.
    Number(Index, u64),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    let number = prop_oneof![
        Just(u64::MAX),
        Just(u64::MAX - 31),
        Just(1 << 63),
        Just(1 << 32),
        0..64_u64,
        any::<u64>()
    ];
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (place(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (place(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (place(), 1..64_usize).prop_map(|(at, len)| Change::Remove(at, len)),
        (place(), place(), 1..64_usize).prop_map(|(from, to, len)| Change::Copy(from, to, len)),
        (place(), number).prop_map(|(at, number)| Change::Number(at, number)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let len = bytes.len();
    match change {
        Change::Set(at, byte) => bytes[at.index(len)] = *byte,
        Change::Flip(at, bit) => bytes[at.index(len)] ^= 1 << bit,
        Change::Insert(at, more) => {
            let at = at.index(len);
            bytes.splice(at..at, more.iter().copied());
        }
        Change::Remove(at, count) => {
            let at = at.index(len);
            bytes.drain(at..(at + count).min(len));
        }
        Change::Copy(from, to, count) => {
            let from = from.index(len);
            let piece = bytes[from..(from + count).min(len)].to_vec();
            let to = to.index(len);
            bytes.splice(to..to, piece);
        }
        Change::Number(at, number) => {
            let at = at.index(len);
            let end = (at + 8).min(len);
            bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
        }
    }
}

fn mutated(valid: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(change(), 1..8).prop_map(move |changes| {
        let mut bytes = valid.clone();
        for change in &changes {
            apply(&mut bytes, change);
        }
        bytes
    })
}

/// Uses everything that a reader that accepted a file offers.
fn exercise(source: &dyn TensorSource) {
    for name in source.names() {
        let Ok(info) = source.info(name) else { continue };
        let mut last = [0; 1];
        if let Some(offset) = info.bytes.checked_sub(1) {
            source.read_range(name, offset, &mut last).unwrap();
        }
        source.read_range(name, info.bytes, &mut last).unwrap_err();
    }
}

fn assert_told(error: &ModelError) {
    assert!(!error.code().is_empty() && !error.to_string().is_empty());
}

fn safetensors() -> Vec<u8> {
    let header = br#"{"__metadata__":{"format":"pt"},
        "a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},
        "b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]}}"#;
    [&(header.len() as u64).to_le_bytes()[..], header, &[7; 22]].concat()
}

fn archive_of_torch() -> Vec<u8> {
    let tensors = [
        tensor("a", "FloatStorage", "0", 1, [&[2, 3], &[3, 1]]),
        tensor("b", "HalfStorage", "0", 0, [&[3, 2], &[1, 3]]),
    ];
    torch(&dictionary(&tensors.concat()), 28)
}

fn archive_of_numpy() -> Vec<u8> {
    let array = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }\n");
    zip(&[("w.npy", [array, vec![0; 8]].concat())])
}

const CONFIG: &[u8] = br#"{"architectures":["LlamaForCausalLM"],"model_type":"llama",
    "hidden_size":64,"intermediate_size":176,"num_hidden_layers":3,"num_attention_heads":4,
    "num_key_value_heads":2,"vocab_size":512,"max_position_embeddings":512,"rms_norm_eps":1e-5,
    "rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,
    "high_freq_factor":4.0,"original_max_position_embeddings":64},
    "eos_token_id":[1,2],"temperature":0.5,"top_p":0.9}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_mutated_gguf_file_never_panics(bytes in mutated(File::valid().bytes())) {
        match GgufFile::from_bytes("mutated", bytes) {
            Ok(file) => {
                exercise(&file);
                for (key, _) in file.metadata().iter() {
                    assert!(file.metadata().get(key).is_some());
                }
                if let Err(error) = file.text_assets() {
                    assert_told(&error);
                }
            }
            Err(error) => assert_told(&error),
        }
    }

    #[test]
    fn a_mutated_safetensors_file_never_panics(bytes in mutated(safetensors())) {
        match Safetensors::from_bytes("mutated", bytes) {
            Ok(file) => exercise(&file),
            Err(error) => assert_told(&error),
        }
    }

    #[test]
    fn a_mutated_archive_of_torch_never_panics(bytes in mutated(archive_of_torch())) {
        match ZippedTensors::from_bytes("mutated", bytes) {
            Ok(file) => exercise(&file),
            Err(error) => assert_told(&error),
        }
    }

    #[test]
    fn a_mutated_archive_of_numpy_never_panics(bytes in mutated(archive_of_numpy())) {
        match ZippedTensors::from_bytes("mutated", bytes) {
            Ok(file) => exercise(&file),
            Err(error) => assert_told(&error),
        }
    }

    #[test]
    fn a_mutated_config_never_panics(json in mutated(CONFIG.to_vec())) {
        if let Ok(config) = HfConfig::from_json(Path::new("config.json"), &json) {
            assert_eq!(config.num_attention_heads % config.num_key_value_heads, 0);
            assert!(config.head_dim > 0 && config.num_hidden_layers > 0);
        }
        if let Err(error) = GenerationDefaults::from_json(Path::new("g.json"), &json) {
            assert_told(&error);
        }
    }
}

#[test]
fn the_files_that_are_mutated_are_valid() {
    exercise(&GgufFile::from_bytes("valid", File::valid().bytes()).unwrap());
    exercise(&Safetensors::from_bytes("valid", safetensors()).unwrap());
    exercise(&ZippedTensors::from_bytes("valid", archive_of_torch()).unwrap());
    exercise(&ZippedTensors::from_bytes("valid", archive_of_numpy()).unwrap());
    HfConfig::from_json(Path::new("config.json"), CONFIG).unwrap();
    GenerationDefaults::from_json(Path::new("g.json"), CONFIG).unwrap();
}
