//! Any bytes as a file of torch's or numpy's: tensors or a typed error, and every accepted tensor
//! that is readable lies in the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricket_models::{TensorSource, ZippedTensors};

fuzz_target!(|data: &[u8]| {
    let Ok(file) = ZippedTensors::from_bytes("fuzzed", data.to_vec()) else { return };
    let mut last = [0];
    for name in file.names() {
        assert!(file.has(name));
        // Of a type that is not read there is an error, whatever is asked for.
        let Ok(info) = file.info(name) else {
            assert!(file.read_range(name, 0, &mut last).is_err());
            continue;
        };
        assert!(info.bytes <= data.len() as u64);
        if info.bytes > 0 {
            file.read_range(name, info.bytes - 1, &mut last).expect("the last byte is in the file");
        }
        assert!(file.read_range(name, info.bytes, &mut last).is_err());
    }
});
