//! Any bytes as a GGUF file: a model or a typed error, and every accepted tensor lies in the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricket_models::{GgufFile, TensorSource};

fuzz_target!(|data: &[u8]| {
    let Ok(file) = GgufFile::from_bytes("fuzzed", data.to_vec()) else { return };
    for (key, _) in file.metadata().iter() {
        assert!(file.metadata().get(key).is_some());
    }
    let mut last = [0];
    for tensor in file.tensors() {
        assert!(tensor.offset + tensor.bytes <= data.len() as u64);
        assert!(file.read_range(&tensor.name, tensor.bytes - 1, &mut last).is_ok());
        assert!(file.read_range(&tensor.name, tensor.bytes, &mut last).is_err());
    }
    let _ = file.text_assets();
});
