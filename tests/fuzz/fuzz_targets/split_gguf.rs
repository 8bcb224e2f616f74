//! Any bytes as the two parts of a split GGUF model, of which the first two bytes say how long the
//! first is: a model or a typed error, whichever part it is opened by.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pricket_models::{GgufFile, TensorSource, inspect};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("fuzzed-split-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
});

fuzz_target!(|data: &[u8]| {
    let Some((len, rest)) = data.split_first_chunk() else { return };
    let (first, second) = rest.split_at(usize::from(u16::from_le_bytes(*len)).min(rest.len()));
    let parts = [(1, first), (2, second)].map(|(number, bytes)| {
        let path = FOLDER.join(format!("m-{number:05}-of-00002.gguf"));
        std::fs::write(&path, bytes).expect("a part");
        path
    });
    for part in &parts {
        let _ = inspect(part);
        let Ok(file) = GgufFile::open(part) else { continue };
        let mut last = [0];
        for tensor in file.tensors() {
            assert!(file.read_range(&tensor.name, tensor.bytes - 1, &mut last).is_ok());
            assert!(file.read_range(&tensor.name, tensor.bytes, &mut last).is_err());
        }
        let _ = file.text_assets();
    }
});
