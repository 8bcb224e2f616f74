//! `pricket inspect`.

use crate::command::{Pricket, tiny};

#[test]
fn the_table_tells_what_one_wants_to_know() {
    let outcome = Pricket::new().run(&["inspect", &tiny("tiny-llama")]).ok();
    let value = |name: &str| {
        let line = outcome.stdout.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("{name}: {outcome:?}"))[name.len()..].trim().to_owned()
    };
    assert_eq!(value("format"), "safetensors");
    assert!(value("architecture").to_lowercase().contains("llama"));
    assert_eq!(value("parameters"), "204224");
    assert!(value("quantisation").starts_with("BF16"));
    assert_eq!(value("context"), "512 tokens");
    assert_eq!(value("vocabulary"), "512 tokens");
    assert_eq!(value("layers"), "3");
    assert_eq!(value("chat template"), "no");
    assert!(value("memory needed").contains("with a context of 512"));
    assert!(value("without context").contains(" packed weights, about "));
    assert_eq!(value("name found"), "it is written as a path");
    let cpu = value("device cpu");
    assert!(cpu.contains(" threads, ") && cpu.contains("memory "), "{cpu}");
    // Of a file nobody knows what it can do, and nobody asks money for it.
    assert!(!outcome.stdout.contains("\ncan "), "{outcome:?}");
    assert!(!outcome.stdout.contains("\nprice "), "{outcome:?}");
}

#[test]
fn json_holds_the_same_in_numbers() {
    let home = Pricket::new();
    let told = home.run(&["inspect", &home.chat_model(), "--json"]).ok().json();
    assert_eq!(told["format"], "safetensors");
    assert_eq!(told["parameters"], 204_224);
    assert_eq!(told["context_length"], 512);
    assert_eq!(told["has_chat_template"], true);
    assert_eq!(told["architecture_supported"], true);
    // Keys and values x 4 bytes (floats beside floats) x 3 layers x 2 key-value heads x 16 numbers.
    assert_eq!(told["kv_bytes_per_token"], 768);
    // Two bytes a weight and four a norm's, in whole groups of 16 rows.
    assert_eq!(told["packed_bytes"], 2 * 204_224 + 2 * (2 * 3 + 1) * 64);
    let fixed = told["packed_bytes"].as_u64().unwrap() + told["buffer_bytes"].as_u64().unwrap();
    assert_eq!(told["memory_bytes_full_context"], fixed + 768 * 512);
    assert_eq!(told["model_data"], serde_json::Value::Null);
    assert!(told["resolution"].as_str().unwrap().contains("path: "), "{told}");
    let cpu = &told["devices"][0];
    assert_eq!((cpu["name"].as_str(), cpu["refusal"].is_null()), (Some("cpu"), true), "{cpu}");
}

#[test]
fn an_architecture_that_does_not_run_is_told() {
    let home = Pricket::new();
    let chat = home.chat_model();
    let folder = home.home().join("other");
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(chat).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let other = config.replace("\"model_type\": \"llama\"", "\"model_type\": \"mamba\"");
    assert_ne!(other, config);
    std::fs::write(folder.join("config.json"), other).unwrap();
    let folder = folder.display().to_string();
    let told = home.run(&["inspect", &folder]).ok().stdout;
    assert!(told.contains("mamba (not supported)\n"), "{told}");
    home.run(&["run", &folder, "Hi"]).is_error(5, &["architecture `mamba` is not supported"]);
}

/// A hub's cache with one repository of two files, of which one is called by its git hash.
#[cfg(unix)]
fn cached(home: &Pricket) -> std::path::PathBuf {
    let repo = "hf/hub/models--org--model";
    let snapshot = home.home().join(repo).join("snapshots").join("a".repeat(40));
    std::fs::create_dir_all(&snapshot).unwrap();
    for folder in ["blobs", "refs"] {
        std::fs::create_dir_all(home.home().join(repo).join(folder)).unwrap();
    }
    home.file(&format!("{repo}/refs/main"), &"a".repeat(40));
    // Of the seven bytes `{"a":1}`, by `git hash-object`.
    let blob = "daa5053ecf5f9a37b2de733d0751cc1ab53ac010";
    home.file(&format!("{repo}/blobs/{blob}"), "{\"a\":1}");
    std::os::unix::fs::symlink(format!("../../blobs/{blob}"), snapshot.join("config.json"))
        .unwrap();
    std::fs::write(snapshot.join("model.safetensors"), "mine").unwrap();
    snapshot
}

#[cfg(unix)]
#[test]
fn verify_tells_of_each_file_whether_it_is_what_was_pulled() {
    let home = Pricket::new();
    let snapshot = cached(&home);
    let told = home.run(&["inspect", "hf:org/model", "--verify"]).ok().stdout;
    let lines: Vec<Vec<&str>> =
        told.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
    assert_eq!(lines, [["equal", "config.json"], ["unknown", "model.safetensors"]]);
    assert!(told.contains("git hash daa5053e"), "{told}");
    std::fs::write(snapshot.join("config.json"), "{\"a\":2}").unwrap();
    let outcome = home.run(&["inspect", "hf:org/model", "--verify", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&list[0]["state"], &list[1]["state"]), (&"differs".into(), &"unknown".into()));
    // The list is there all the same.
    outcome.is_error_of_pull(5, "config.json is not what was pulled");
    home.run(&["inspect", "hf:org/other", "--verify"]).is_error(3, &["hf:org/other"]);
}
