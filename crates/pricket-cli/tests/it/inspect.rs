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
