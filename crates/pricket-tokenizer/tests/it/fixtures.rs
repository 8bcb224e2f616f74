//! Where test data lie, and how a test says that they are absent.

use std::path::PathBuf;

use pricket_tokenizer::{GgufVocab, Tokenizer};
use serde_json::Value;

/// A file in the shared fixtures; says loudly that the test is skipped where it is absent.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PRICKET_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    found(root.join(path), "PRICKET_FIXTURES")
}

/// A model file.
pub(crate) fn model(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PRICKET_MODELS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../models"),
        PathBuf::from,
    );
    found(root.join(name), "PRICKET_MODELS")
}

fn found(path: PathBuf, variable: &str) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is absent; set {variable}", path.display());
    None
}

/// A file that is part of the repository.
pub(crate) fn committed(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(path)
}

pub(crate) fn json(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// The committed tiny Llama: SentencePiece-like BPE with byte fallback.
pub(crate) fn tiny_llama() -> Tokenizer {
    Tokenizer::from_file(committed("models/tiny-llama/tokenizer.json")).unwrap()
}

/// The committed tiny Llama 3: byte-level BPE.
pub(crate) fn tiny_llama3() -> Tokenizer {
    Tokenizer::from_file(committed("models/tiny-llama3-rope/tokenizer.json")).unwrap()
}

/// A `tokenizer.json` as the metadata of a GGUF file would have it.
pub(crate) fn as_gguf(file: &Value, model: &str, pre: Option<&str>) -> GgufVocab {
    let mut vocab =
        GgufVocab { model: model.to_owned(), pre: pre.map(str::to_owned), ..GgufVocab::default() };
    let mut set = |id: usize, text: &str, kind: i32| {
        if vocab.tokens.len() <= id {
            vocab.tokens.resize(id + 1, String::new());
            vocab.token_types.resize(id + 1, 5);
        }
        text.clone_into(&mut vocab.tokens[id]);
        vocab.token_types[id] = kind;
    };
    for (text, id) in file["model"]["vocab"].as_object().unwrap() {
        let kind = if text.starts_with("<0x") { 6 } else { 1 };
        set(id.as_u64().unwrap() as usize, text, kind);
    }
    for token in file["added_tokens"].as_array().unwrap() {
        let kind = if token["special"] == true { 3 } else { 4 };
        set(token["id"].as_u64().unwrap() as usize, token["content"].as_str().unwrap(), kind);
    }
    for merge in file["model"]["merges"].as_array().unwrap() {
        vocab.merges.push(match merge.as_str() {
            Some(text) => text.to_owned(),
            None => format!("{} {}", merge[0].as_str().unwrap(), merge[1].as_str().unwrap()),
        });
    }
    vocab
}
