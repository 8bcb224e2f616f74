//! Any bytes as the `config.json` of a folder with some tensors, as a decoder and as an encoder: a
//! typed error. The tensors are never those that a config asks for, and a config that asks for none
//! is refused.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pricket_models::{
    EncoderOptions, HfConfig, ModelFiles, OpenOptions, inspect, open_encoder, text_assets,
};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("fuzzed-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let header = r#"{"model.embed_tokens.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}"#;
    let len = (header.len() as u64).to_le_bytes();
    let file = [&len[..], header.as_bytes(), &[0; 4]].concat();
    std::fs::write(folder.join("model.safetensors"), file).expect("the weights");
    folder
});

fuzz_target!(|data: &[u8]| {
    let _ = HfConfig::from_json(Path::new("config.json"), data);
    std::fs::write(FOLDER.join("config.json"), data).expect("the config");
    let _ = inspect(&FOLDER);
    let _ = text_assets(&FOLDER);
    let memory = Some(64 << 20);
    if let Ok(files) = ModelFiles::at(&FOLDER) {
        let options = OpenOptions { memory, threads: Some(1), ..OpenOptions::default() };
        assert!(files.load(&options, &mut |_| ()).is_err());
    }
    let options = EncoderOptions { memory, threads: Some(1), ..EncoderOptions::default() };
    assert!(open_encoder(&FOLDER, &options, &mut |_| ()).is_err());
});
