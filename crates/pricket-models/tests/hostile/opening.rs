//! What the whole way from a path to a model says of files that are wrong.

use std::fs;
use std::path::Path;

use pricket_models::{ModelError, OpenOptions, Opened, inspect, open};

use crate::allocation::Alone;
use crate::gguf_cases;
use crate::gguf_writer::{BOOL, F32, File, STRING, U32, entry, string};

fn opened(path: &Path) -> Result<Opened, ModelError> {
    let options = OpenOptions { threads: Some(1), ..OpenOptions::default() };
    open(path, &options, &mut |_| ())
}

#[test]
fn opening_a_malformed_file_gives_a_typed_error() {
    let alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.gguf");
    for case in gguf_cases::all() {
        fs::write(&path, &case.bytes).unwrap();
        let (result, allocated) = alone.counted(|| opened(&path));
        let error = result.err().unwrap_or_else(|| panic!("{}: it was opened", case.name));
        assert!(!error.code().is_empty(), "{}: {error}", case.name);
        assert!(allocated <= (1 << 20), "{}: {allocated} bytes", case.name);
    }
}

/// A name, what is spoilt, the code and a piece of the message.
type Case = (&'static str, fn(&mut File), &'static str, &'static str);

fn spoilt_parts() -> Vec<Case> {
    vec![
        (
            "an unknown architecture",
            |file| file.set("general.architecture", STRING, string("mamba")),
            "architecture_unsupported",
            "architecture `mamba` is not supported; known are: ",
        ),
        (
            "an unknown quantisation",
            |file| {
                // A row of 64 values in 36 bytes stands where 2 rows of 32 stood.
                let tensor = file.tensor_mut("blk.0.attn_q.weight");
                tensor.axes = vec![64, 16];
                tensor.kind = 40;
            },
            "quantization_unsupported",
            "`blk.0.attn_q.weight` is stored as NVFP4",
        ),
        (
            "a missing tensor",
            |file| file.tensor_mut("blk.0.ffn_up.weight").name = b"other".to_vec(),
            "tensor_missing",
            "`blk.0.ffn_up.weight` is missing",
        ),
        (
            "a tensor of another shape",
            |file| file.tensor_mut("blk.0.attn_k.weight").axes = vec![16, 32],
            "tensor_shape",
            "has shape [32, 16], but [16, 32] is expected",
        ),
    ]
}

fn spoilt_numbers() -> Vec<Case> {
    let metadata = "model_metadata_invalid";
    vec![
        (
            "no width",
            |f| f.set("llama.embedding_length", STRING, string("")),
            metadata,
            "embedding",
        ),
        ("a width of 0", |f| f.set("llama.embedding_length", U32, [0; 4]), metadata, "embedding"),
        ("0 heads", |f| f.set("llama.attention.head_count", U32, [0; 4]), metadata, "head_count"),
        (
            "2^32 - 1 layers",
            |f| f.set("llama.block_count", U32, [0xFF; 4]),
            metadata,
            "block_count",
        ),
        (
            "0 tokens of context",
            |f| f.set("llama.context_length", U32, [0; 4]),
            metadata,
            "context",
        ),
        (
            "a flag as width",
            |f| f.set("llama.embedding_length", BOOL, [1]),
            metadata,
            "truth value",
        ),
        (
            "three heads share two",
            |file| {
                file.set("llama.attention.head_count", U32, [3, 0, 0, 0]);
                file.set("llama.attention.head_count_kv", U32, [2, 0, 0, 0]);
            },
            "model_unsupported",
            "3 query heads cannot share 2 key-value heads",
        ),
        (
            "an epsilon of NaN",
            |f| f.set("llama.attention.layer_norm_rms_epsilon", F32, f32::NAN.to_le_bytes()),
            metadata,
            "layer_norm_rms_epsilon",
        ),
        (
            "a scaling that does not run",
            |file| file.set("llama.rope.scaling.type", STRING, string("dynamic")),
            "model_unsupported",
            "dynamic",
        ),
        (
            "yarn without the context that it stretches",
            |file| file.set("llama.rope.scaling.type", STRING, string("yarn")),
            metadata,
            "original_context_length",
        ),
        (
            "a vocabulary larger than the embedding",
            |file| file.set("llama.vocab_size", U32, 5_u32.to_le_bytes()),
            "tensor_shape",
            "`token_embd.weight` has shape [4, 32]",
        ),
    ]
}

#[test]
fn opening_a_valid_header_of_a_model_that_cannot_run_names_what_is_wrong() {
    let cases = [spoilt_parts(), spoilt_numbers()].concat();
    let _alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    for (name, change, code, message) in cases {
        fs::write(&path, File::llama().with(change).bytes()).unwrap();
        let error = opened(&path).err().unwrap_or_else(|| panic!("{name}: it was opened"));
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.to_string().contains(message), "{name}: {error}");
    }
}

#[test]
fn the_model_that_these_cases_change_opens() {
    let _alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs::write(&path, File::llama().bytes()).unwrap();
    let model = opened(&path).unwrap().model;
    assert_eq!((model.spec().layers, model.spec().vocab_size), (1, 4));
    assert_eq!(inspect(folder.path()).unwrap().layers, Some(1));
    fs::write(folder.path().join("second.gguf"), File::llama().bytes()).unwrap();
    let error = inspect(folder.path()).unwrap_err();
    assert!(error.to_string().contains("2 GGUF models"), "{error}");
}

#[test]
fn inspecting_a_malformed_file_gives_the_readers_error() {
    let _alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.gguf");
    for case in gguf_cases::all() {
        fs::write(&path, &case.bytes).unwrap();
        // What only the text assets look at is no concern of `inspect`.
        match inspect(&path) {
            Err(error) => assert!(!error.code().is_empty(), "{}: {error}", case.name),
            Ok(found) => assert_eq!(found.architecture, "llama", "{}", case.name),
        }
    }
}

#[test]
fn a_file_that_is_no_model_is_refused_with_its_first_bytes() {
    let alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "Dear reader").unwrap();
    alone.check_refused("text", 11, ("model_format", "it begins with `Dear`"), || inspect(&path));
}

#[test]
fn a_gguf_file_without_an_architecture_is_refused() {
    let alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anonymous.gguf");
    let bytes = File::of_entries(vec![entry("k", U32, [0; 4])]).bytes();
    fs::write(&path, &bytes).unwrap();
    let refusal = ("model_metadata_invalid", "`general.architecture` is missing");
    alone.check_refused("anonymous", bytes.len(), refusal, || inspect(&path));
}

#[test]
fn a_path_without_a_model_is_not_found() {
    let alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let cases =
        [folder.path().to_owned(), folder.path().join("absent"), "absent.safetensors".into()];
    for path in cases {
        let name = path.display().to_string();
        alone.check_refused(&name, 0, ("model_not_found", &name), || inspect(&path));
    }
}
