//! Whole models: folders of safetensors, patterns, ambiguity.

use std::fs;

use crate::kit::{body, hub_at, pulled, refused, temp};
use crate::server::{COMMIT, Manners, Site};

const INDEX: &[u8] =
    b"{\"weight_map\": {\"a\": \"model-1.safetensors\", \"b\": \"model-2.safetensors\"}}";

fn sharded() -> Manners {
    Manners {
        small: true,
        ..Site::of(&[
            ("config.json", b"{}"),
            ("tokenizer.json", b"{}"),
            ("model.safetensors.index.json", INDEX),
            ("model-1.safetensors", &body(3000)),
            ("model-2.safetensors", &body(4000)),
            ("consolidated.safetensors", &body(7000)),
            ("pytorch_model.bin", b"pickle"),
            ("onnx/model.onnx", b"other"),
            ("README.md", b"words"),
        ])
    }
}

#[test]
fn a_folder_is_what_a_model_needs_and_no_more() {
    let dir = temp();
    let site = Site::start(sharded());
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let path = pulled(&hub, "hf:org/model");
    assert_eq!(path, dir.path().join("hub/models--org--model/snapshots").join(COMMIT));
    let mut files: Vec<String> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            "config.json",
            "model-1.safetensors",
            "model-2.safetensors",
            "model.safetensors.index.json",
            "tokenizer.json"
        ]
    );
    assert_eq!(hub.locate("hf:org/model").unwrap(), Some(path.clone()));
    // A model with a shard missing is not there.
    fs::remove_file(path.join("model-2.safetensors")).unwrap();
    assert_eq!(hub.locate("hf:org/model").unwrap(), None);
    pulled(&hub, "hf:org/model");
    assert_eq!(fs::read(path.join("model-2.safetensors")).unwrap(), body(4000));
}

#[test]
fn a_repository_with_one_gguf_is_that_file() {
    let dir = temp();
    let manners = Site::of(&[("README.md", b"words"), ("sub/dir/only.gguf", &body(500))]);
    let site = Site::start(manners);
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let path = pulled(&hub, "hf:org/model");
    assert!(path.ends_with("sub/dir/only.gguf"));
    assert_eq!(fs::read(path).unwrap(), body(500));
}

#[test]
fn several_ggufs_are_listed_and_a_pattern_chooses() {
    let dir = temp();
    let manners = Site::of(&[("m-q4.gguf", &body(400)), ("m-q8.gguf", &body(800))]);
    let site = Site::start(manners);
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let error = refused(&hub, "hf:org/model");
    assert_eq!(error.code, "model_ambiguous");
    assert!(error.message.contains("`hf:org/model/m-q4.gguf` or `hf:org/model/m-q8.gguf`"));
    for (pattern, len) in [("*q8*", 800), ("m-*4.gguf", 400), ("*-q8.gguf", 800)] {
        let path = pulled(&hub, &format!("hf:org/model/{pattern}"));
        assert_eq!(fs::read(path).unwrap().len(), len, "{pattern}");
    }
    let error = refused(&hub, "hf:org/model/*q5*");
    assert_eq!(error.code, "nothing_to_run");
    let error = refused(&hub, "hf:org/model/m*gguf");
    assert_eq!(error.code, "model_ambiguous");
}

#[test]
fn a_repository_without_a_model_says_so() {
    let dir = temp();
    let site = Site::start(Site::of(&[("README.md", b"words")]));
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let error = refused(&hub, "hf:org/model");
    assert_eq!(error.code, "nothing_to_run");
    assert!(error.message.contains("hf:org/model/model.gguf"), "{}", error.message);
    assert_eq!(refused(&hub, "hf:org/other").code, "remote_missing");
}

#[test]
fn a_revision_with_a_slash_is_one_path_segment() {
    let dir = temp();
    let site = Site::start(Site::of(&[("weights.gguf", &body(100))]));
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let path = pulled(&hub, "hf:org/model@refs/pr/1#weights.gguf");
    assert!(site.log()[0].contains("/org/model/resolve/refs%2Fpr%2F1/weights.gguf"));
    let noted = dir.path().join("hub/models--org--model/refs/refs/pr/1");
    assert_eq!(fs::read_to_string(noted).unwrap(), COMMIT);
    assert_eq!(hub.locate("hf:org/model@refs/pr/1#weights.gguf").unwrap(), Some(path));
    assert_eq!(hub.locate("hf:org/model/weights.gguf").unwrap(), None);
}
