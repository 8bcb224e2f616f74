//! Any bytes as a safetensors file: a model or a typed error, and every accepted tensor lies in the
//! file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricket_models::{Safetensors, TensorSource};

fuzz_target!(|data: &[u8]| {
    let Ok(file) = Safetensors::from_bytes("fuzzed", data.to_vec()) else { return };
    for tensor in file.tensors() {
        assert!(tensor.offset + tensor.bytes <= data.len() as u64);
        assert!(file.tensor(&tensor.name).is_some());
        let _ = tensor.elements();
    }
    let mut last = [0];
    for name in file.names() {
        // Of a type that is not read there is an error.
        let Ok(info) = file.info(name) else { continue };
        if info.bytes > 0 {
            let _ = file.read_range(name, info.bytes - 1, &mut last);
        }
        assert!(file.read_range(name, info.bytes, &mut last).is_err());
    }
});
