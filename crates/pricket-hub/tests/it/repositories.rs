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

/// The files of a split model beside others.
fn split() -> Manners {
    Site::of(&[
        ("m-q4-00001-of-00003.gguf", &body(400)),
        ("m-q4-00002-of-00003.gguf", &body(500)),
        ("m-q4-00003-of-00003.gguf", &body(600)),
        ("m-q8.gguf", &body(800)),
    ])
}

#[test]
fn a_split_gguf_is_fetched_whole_by_whichever_part_or_pattern_names_it() {
    for (name, path) in [
        ("hf:org/model/m-q4-00001-of-00003.gguf", "m-q4-00001-of-00003.gguf"),
        ("hf:org/model/m-q4-00003-of-00003.gguf", "m-q4-00003-of-00003.gguf"),
        ("hf:org/model/*q4*", "m-q4-00001-of-00003.gguf"),
        ("hf:org/model/*-00002-of-*", "m-q4-00001-of-00003.gguf"),
    ] {
        let dir = temp();
        let site = Site::start(split());
        let hub = hub_at(dir.path(), &site).build().unwrap();
        assert_eq!(hub.locate(name).unwrap(), None);
        let found = pulled(&hub, name);
        assert_eq!(found.file_name().unwrap(), path, "{name}");
        for (number, len) in [(1, 400), (2, 500), (3, 600)] {
            let part = found.with_file_name(format!("m-q4-0000{number}-of-00003.gguf"));
            assert_eq!(fs::read(part).unwrap(), body(len), "{name}");
        }
        assert_eq!(hub.locate(name).unwrap(), Some(found.clone()), "{name}");
        // What is there is not asked for again; what is gone is, and nothing else.
        let asked = site.log().len();
        pulled(&hub, name);
        assert_eq!(site.log().len(), asked, "{name}");
        let gone = found.with_file_name("m-q4-00002-of-00003.gguf");
        let blob = fs::canonicalize(&gone).unwrap();
        fs::remove_file(&gone).unwrap();
        fs::remove_file(blob).unwrap();
        assert_eq!(hub.locate(name).unwrap(), None, "{name}");
        let sent = site.sent();
        pulled(&hub, name);
        assert_eq!(fs::read(gone).unwrap(), body(500), "{name}");
        assert_eq!(site.sent() - sent, 500, "{name}");
    }
}

#[test]
fn a_split_gguf_is_listed_once_and_removed_whole() {
    let dir = temp();
    let site = Site::start(split());
    let hub = hub_at(dir.path(), &site).build().unwrap();
    for is_whole in [true, false] {
        let found = pulled(&hub, "hf:org/model/*q4*");
        pulled(&hub, "hf:org/model/m-q8.gguf");
        if !is_whole {
            fs::remove_file(found.with_file_name("m-q4-00002-of-00003.gguf")).unwrap();
        }
        let listed: Vec<_> = hub.list().unwrap().into_iter().map(|m| (m.name, m.bytes)).collect();
        let bytes = if is_whole { 1500 } else { 1000 };
        let split = "hf:org/model/m-q4-00001-of-00003.gguf".to_owned();
        assert_eq!(listed[0], (split.clone(), bytes));
        assert_eq!(listed.len(), 2, "{listed:?}");
        let removed = hub.remove(&split).unwrap();
        // Where a part's name is gone, its content is nobody's and stays.
        assert_eq!(removed.bytes, bytes);
        let listed: Vec<_> = hub.list().unwrap().into_iter().map(|model| model.name).collect();
        assert_eq!(listed, ["hf:org/model/m-q8.gguf"]);
    }
}

#[test]
fn several_models_of_which_one_is_split_are_listed_once_each() {
    let dir = temp();
    let site = Site::start(split());
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let error = refused(&hub, "hf:org/model");
    assert_eq!(error.code, "model_ambiguous");
    let listed = "`hf:org/model/m-q4-00001-of-00003.gguf` or `hf:org/model/m-q8.gguf`";
    assert!(error.message.contains(listed), "{}", error.message);
}

#[test]
fn a_part_that_the_repository_lacks_is_named() {
    let mut manners = split();
    manners.files.remove("m-q4-00002-of-00003.gguf");
    let site = Site::start(manners);
    for (name, code) in [
        ("hf:org/model/*q4*", "part_missing"),
        ("hf:org/model/m-q4-00001-of-00003.gguf", "remote_missing"),
    ] {
        let dir = temp();
        let hub = hub_at(dir.path(), &site).build().unwrap();
        let error = refused(&hub, name);
        assert_eq!(error.code, code, "{name}");
        assert!(error.message.contains("m-q4-00002-of-00003.gguf"), "{}", error.message);
        assert_eq!(hub.locate(name).unwrap(), None, "{name}");
    }
    let mut manners = sharded();
    manners.files.remove("model-2.safetensors");
    let site = Site::start(manners);
    for name in ["hf:org/model", "hf:org/model/model-1.safetensors"] {
        let dir = temp();
        let hub = hub_at(dir.path(), &site).build().unwrap();
        let error = refused(&hub, name);
        assert_eq!(error.code, "part_missing", "{name}");
        assert!(error.message.contains("`model-2.safetensors`"), "{}", error.message);
        // It was known before any weights came.
        let fetched = site.log().into_iter().filter(|line| line.contains("model-1.safetensors"));
        assert_eq!(fetched.count(), 0, "{name}");
    }
}

#[test]
fn a_shard_or_the_index_names_the_folder_that_it_is_of() {
    for name in ["model-2.safetensors", "model.safetensors.index.json", "config.json"] {
        let dir = temp();
        let site = Site::start(sharded());
        let hub = hub_at(dir.path(), &site).build().unwrap();
        let wanted = format!("hf:org/model/{name}");
        let path = pulled(&hub, &wanted);
        assert_eq!(path.file_name().unwrap(), name);
        let shard = path.with_file_name("model-1.safetensors");
        assert_eq!(fs::read(&shard).unwrap(), body(3000), "{name}");
        assert!(path.with_file_name("tokenizer.json").is_file(), "{name}");
        assert_eq!(hub.locate(&wanted).unwrap(), Some(path), "{name}");
        fs::remove_file(shard).unwrap();
        assert_eq!(hub.locate(&wanted).unwrap(), None, "{name}");
    }
    // Weights that are not the folder's are themselves and no more.
    let dir = temp();
    let site = Site::start(sharded());
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let path = pulled(&hub, "hf:org/model/consolidated.safetensors");
    assert!(!path.with_file_name("model-1.safetensors").exists());
}

#[test]
fn a_folder_of_a_repository_is_a_model_too() {
    let dir = temp();
    let site = Site::start(Manners {
        small: true,
        ..Site::of(&[
            ("README.md", b"words"),
            ("large/config.json", b"{}"),
            ("large/model.safetensors", &body(900)),
            ("little/config.json", b"{}"),
            ("little/tokenizer.json", b"{}"),
            ("little/model.safetensors", &body(300)),
        ])
    });
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let path = pulled(&hub, "hf:org/model/little/model.safetensors");
    assert!(path.ends_with("little/model.safetensors"));
    assert!(path.with_file_name("tokenizer.json").is_file());
    assert!(!path.with_file_name("../large/config.json").exists());
    let path = pulled(&hub, "hf:org/model/little/*.safetensors");
    assert!(path.ends_with("little"), "{}", path.display());
}

#[test]
fn what_torch_saved_is_fetched_where_there_is_nothing_else() {
    let index = INDEX.to_vec();
    let index = String::from_utf8(index).unwrap().replace("model-", "pytorch_model-");
    let index = index.replace("safetensors", "bin");
    let dir = temp();
    let site = Site::start(Manners {
        small: true,
        ..Site::of(&[
            ("config.json", b"{}"),
            ("pytorch_model.bin.index.json", index.as_bytes()),
            ("pytorch_model-1.bin", &body(3000)),
            ("pytorch_model-2.bin", &body(4000)),
            ("training_args.bin", b"pickle"),
            ("model.safetensors.index.json", INDEX),
        ])
    });
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let path = pulled(&hub, "hf:org/model");
    let mut files: Vec<String> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let [index, first, second] =
        ["pytorch_model.bin.index.json", "pytorch_model-1.bin", "pytorch_model-2.bin"];
    assert_eq!(files, ["config.json", first, second, index]);
    assert_eq!(hub.locate("hf:org/model").unwrap(), Some(path.clone()));
    fs::remove_file(path.join(second)).unwrap();
    assert_eq!(hub.locate("hf:org/model").unwrap(), None);
}

#[test]
fn a_gguf_model_goes_before_what_torch_saved() {
    let dir = temp();
    let site = Site::start(Site::of(&[
        ("config.json", b"{}"),
        ("pytorch_model.bin", &body(3000)),
        ("model.gguf", &body(2000)),
    ]));
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let path = pulled(&hub, "hf:org/model");
    assert_eq!(path.file_name().unwrap(), "model.gguf");
    let named = pulled(&hub, "hf:org/model/pytorch_model.bin");
    assert!(named.ends_with("pytorch_model.bin") && path.parent() == named.parent());
}
