//! What a cache may ask of the machine.

use std::fs;
use std::path::Path;

use pricket_core::ErrorKind;
use pricket_models::{CausalLm, KvFormat, ModelError, OpenOptions, open};

use crate::allocation::Alone;
use crate::gguf_writer::{File, U32};

fn opened(path: &Path, kv: KvFormat) -> Box<dyn CausalLm> {
    let options = OpenOptions { threads: Some(1), kv, ..OpenOptions::default() };
    open(path, &options, &mut |_| ()).unwrap().model
}

/// A file of a few kilobytes may claim a context of 2^30 tokens. Its cache was once made without a
/// question, and the first token then ended the process: 128 GiB of zeros for one layer's keys and
/// values, which no caller can catch.
#[test]
fn a_cache_that_the_system_would_not_give_is_refused_when_it_is_made() {
    let _alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let claim: u32 = 1 << 30;
    let file = File::llama().with(|file| {
        file.set("llama.context_length", U32, claim.to_le_bytes());
    });
    fs::write(&path, file.bytes()).unwrap();
    for kv in [KvFormat::F32, KvFormat::F16] {
        let model = opened(&path, kv);
        assert_eq!(model.spec().context_length, claim as usize);
        let width: u64 = if kv == KvFormat::F32 { 4 } else { 2 };
        // More than any machine has, and more than any can count.
        for (tokens, planes) in [
            (1_usize << 44, Some((2 * 16 * width) << 44)),
            (usize::MAX / 64, None),
            (usize::MAX - 15, None),
            (usize::MAX, None),
        ] {
            let refused = model.new_cache(1, tokens).unwrap_err();
            assert_eq!((refused.code(), refused.kind()), ("memory_exceeded", ErrorKind::TooLarge));
            let ModelError::MemoryExceeded { need, have } = refused else { panic!("{refused}") };
            assert!(have < need, "{have} of {need}");
            if let Some(planes) = planes {
                assert_eq!(need.0, planes, "{tokens} tokens");
            }
        }
        let refused = model.new_cache(usize::MAX, 1).unwrap_err();
        assert_eq!(refused.code(), "memory_exceeded");
        assert!(model.new_cache(2, 4096).is_ok());
    }
}

/// Heads of 16 have no 32 numbers to share a scale.
#[test]
fn heads_that_eight_bits_cannot_keep_are_refused_when_the_cache_is_made() {
    let _alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs::write(&path, File::llama().bytes()).unwrap();
    let refused = opened(&path, KvFormat::Q8).new_cache(1, 16).unwrap_err();
    assert_eq!(refused.code(), "model_unsupported");
    assert!(refused.to_string().contains("width 16"), "{refused}");
}
