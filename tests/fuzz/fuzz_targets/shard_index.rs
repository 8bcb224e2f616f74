//! Any bytes as a `model.safetensors.index.json` beside two shards of a tensor each: the tensors
//! that it names or a typed error, and no file outside the folder.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pricket_models::Safetensors;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("fuzzed-index-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    for name in ["a", "b"] {
        let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#);
        let len = (header.len() as u64).to_le_bytes();
        let file = [&len[..], header.as_bytes(), &[0; 4]].concat();
        std::fs::write(folder.join(format!("{name}.safetensors")), file).expect("a shard");
    }
    folder
});

fuzz_target!(|data: &[u8]| {
    std::fs::write(FOLDER.join("model.safetensors.index.json"), data).expect("the index");
    let Ok(model) = Safetensors::open(&FOLDER) else { return };
    assert!(model.paths().all(|path| path.parent() == Some(&FOLDER)));
    assert!(model.tensors().iter().all(|tensor| ["a", "b"].contains(&tensor.name.as_str())));
});
