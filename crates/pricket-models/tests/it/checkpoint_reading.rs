//! Checkpoint folders as transformers writes them.

use std::fs;
use std::path::Path;

use pricket_models::{
    GenerationDefaults, HfConfig, RopeScaling, Safetensors, TensorSource, TextAssets, Vocabulary,
    text_assets,
};
use pricket_simd::Format;
use serde_json::{Value, json};

use crate::fixtures::{committed, outside};

const LLAMAS: [&str; 3] = ["tiny-llama", "tiny-llama-tied", "tiny-llama3-rope"];

/// Other checkpoints of the fixtures whose families run.
const RUNNING: &[&str] = &[
    "tiny-qwen2",
    "tiny-qwen3",
    "tiny-qwen3-moe",
    "tiny-mistral",
    "tiny-phi3",
    "tiny-gemma3",
    "tiny-deepseek-v3-groups",
    "tiny-kimi-k2",
    "tiny-kimi-k2-fp8",
    "tiny-kimi-k2-int4",
];

#[test]
fn both_layouts_of_a_config_say_the_same() {
    for name in LLAMAS {
        let folder = committed("models").join(name);
        let older = HfConfig::read(&folder.join("config.json")).unwrap();
        let newer = HfConfig::read(&folder.join("config.v5.json")).unwrap();
        assert_eq!(older, newer, "{name}");
    }
}

#[test]
fn a_config_has_the_numbers_of_its_file() {
    let config = HfConfig::read(&committed("models/tiny-llama3-rope/config.json")).unwrap();
    assert_eq!(config.architecture(), Some("LlamaForCausalLM"));
    assert_eq!((config.hidden_size, config.intermediate_size), (64, 176));
    assert_eq!((config.num_hidden_layers, config.vocab_size), (3, 512));
    assert_eq!((config.num_attention_heads, config.num_key_value_heads), (4, 2));
    assert_eq!((config.head_dim, config.max_position_embeddings), (16, 512));
    assert_eq!((config.rms_norm_eps, config.rope.theta), (1e-5, 500_000.0));
    let expected = RopeScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 64,
    };
    assert_eq!(config.rope.scaling, expected);
    assert!(!config.tie_word_embeddings && !config.attention_bias && !config.mlp_bias);
    assert_eq!(config.bos_token_id.unwrap().iter().copied().collect::<Vec<_>>(), [496]);
    let ends: Vec<u32> = config.eos_token_id.unwrap().into_iter().collect();
    assert_eq!(ends, [497, 504, 505]);
    let tied = HfConfig::read(&committed("models/tiny-llama-tied/config.json")).unwrap();
    assert!(tied.tie_word_embeddings);
}

fn parsed(change: &Value) -> HfConfig {
    let mut config = json!({
        "model_type": "llama", "hidden_size": 96, "intermediate_size": 176,
        "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 512,
        "max_position_embeddings": 512
    });
    config.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    HfConfig::from_json(Path::new("config.json"), config.to_string().as_bytes()).unwrap()
}

#[test]
fn what_a_config_leaves_out_is_what_transformers_takes() {
    let config = parsed(&json!({"head_dim": null, "rope_scaling": null, "eos_token_id": null}));
    assert_eq!((config.num_key_value_heads, config.head_dim), (4, 24));
    assert_eq!((config.rms_norm_eps, config.rope.theta), (1e-6, 10_000.0));
    assert_eq!(config.rope.scaling, RopeScaling::None);
    assert_eq!(config.architecture(), None);
    assert_eq!((config.bos_token_id, config.eos_token_id), (None, None));
    assert!(!config.tie_word_embeddings);
}

#[test]
fn scaling_is_read_under_its_former_name_and_in_its_newer_place() {
    let linear = RopeScaling::Linear { factor: 2.5 };
    let former = parsed(&json!({"rope_scaling": {"type": "linear", "factor": 2.5}}));
    let newer = parsed(&json!({
        "rope_parameters": {"rope_type": "linear", "factor": 2.5, "rope_theta": 5e5}
    }));
    assert_eq!((&former.rope.scaling, former.rope.theta), (&linear, 10_000.0));
    assert_eq!((newer.rope.scaling, newer.rope.theta), (linear, 500_000.0));
}

#[test]
fn weights_are_listed_and_read() {
    let formats = [Format::Bf16, Format::F32, Format::F16];
    for (name, format) in LLAMAS.into_iter().zip(formats) {
        let weights = Safetensors::open(&committed("models").join(name)).unwrap();
        let embedding = weights.shaped("model.embed_tokens.weight", &[512, 64]).unwrap();
        assert_eq!(embedding.format, format, "{name}");
        assert_eq!(weights.has("lm_head.weight"), name != "tiny-llama-tied", "{name}");
        assert_eq!(weights.names().count(), weights.tensors().len());
        // What the file holds at the place that the header names, read once as a whole.
        let file = fs::read(weights.paths().next().unwrap()).unwrap();
        let tensor = weights.tensor("model.norm.weight").unwrap();
        let start = usize::try_from(tensor.offset).unwrap();
        let mut norm = vec![0; usize::try_from(tensor.bytes).unwrap()];
        weights.read_range("model.norm.weight", 0, &mut norm).unwrap();
        assert_eq!(file.get(start..start + norm.len()), Some(norm.as_slice()));
        let error = weights.read_range("model.norm.weight", 1, &mut norm).unwrap_err();
        assert_eq!(error.code(), "tensor_range");
        assert_eq!(weights.notes().get("format").map(String::as_str), Some("pt"), "{name}");
    }
}

#[test]
fn shards_are_one_model() {
    let Some(folder) = outside("PRICKET_FIXTURES", "shared/fixtures", "models/tiny-qwen3-moe")
    else {
        return;
    };
    let weights = Safetensors::open(&folder).unwrap();
    assert_eq!(weights.paths().count(), 2);
    let by_index = Safetensors::open(&folder.join("model.safetensors.index.json")).unwrap();
    assert_eq!(weights.tensors(), by_index.tensors());
    let index = fs::read(folder.join("model.safetensors.index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let map = index["weight_map"].as_object().unwrap();
    assert_eq!(weights.tensors().len(), map.len());
    for (name, shard) in map {
        let tensor = weights.tensor(name).unwrap();
        let path = weights.paths().nth(tensor.shard).unwrap();
        assert_eq!(path.file_name().unwrap().to_str(), shard.as_str(), "{name}");
        let mut bytes = vec![0; usize::try_from(tensor.bytes).unwrap()];
        weights.read_range(name, 0, &mut bytes).unwrap();
        assert!(bytes.iter().any(|&byte| byte != 0), "{name}");
    }
}

/// Which families run is the architectures' matter, and it is asked before anything else, so that a
/// family is not refused for a field that it lacks.
#[test]
fn a_config_of_another_family_is_read_and_its_checkpoint_is_refused_by_name() {
    let other = parsed(&json!({"model_type": "llama-like", "architectures": ["OtherLM"]}));
    assert_eq!((other.model_type.as_str(), other.architecture()), ("llama-like", Some("OtherLM")));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), r#"{"model_type": "mamba"}"#).unwrap();
    let refused = text_assets(folder.path()).unwrap_err();
    assert_eq!(refused.code(), "architecture_unsupported");
    let known = refused.to_string();
    let known = known.strip_prefix("architecture `mamba` is not supported; known are: ").unwrap();
    let known: Vec<_> = known.split(", ").collect();
    for family in ["llama", "phi3", "gemma3_text", "qwen3_moe", "mixtral"] {
        assert!(known.contains(&family), "{family} is not in {known:?}");
    }
}

#[test]
fn every_checkpoint_of_the_fixtures_is_read_or_refused_by_its_family() {
    let Some(models) = outside("PRICKET_FIXTURES", "shared/fixtures", "models") else { return };
    let mut seen = 0;
    for entry in fs::read_dir(models).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        seen += 1;
        assert!(!Safetensors::open(&folder).unwrap().tensors().is_empty());
        let name = folder.file_name().unwrap().to_str().unwrap();
        let runs = name.starts_with("tiny-llama") || RUNNING.contains(&name);
        match text_assets(&folder) {
            Ok(_) => assert!(runs, "{folder:?}"),
            Err(error) => {
                assert!(!runs, "{folder:?}: {error}");
                assert_eq!(error.code(), "architecture_unsupported", "{folder:?}: {error}");
            }
        }
    }
    assert!(seen >= 10, "only {seen} checkpoints");
}

#[test]
fn generation_defaults_are_those_of_the_file() {
    let folder = committed("models/tiny-llama3-rope");
    let found = GenerationDefaults::read(&folder.join("generation_config.json")).unwrap();
    assert_eq!(found.eos_ids, [497, 504, 505]);
    assert_eq!((found.temperature, found.top_p), (Some(0.6), Some(0.9)));
    assert_eq!((found.top_k, found.min_p, found.repetition_penalty), (None, None, None));
    let greedy = br#"{"do_sample": false, "temperature": 0.6, "eos_token_id": 7}"#;
    let greedy = GenerationDefaults::from_json(Path::new("g"), greedy).unwrap();
    assert_eq!((greedy.temperature, greedy.eos_ids), (Some(0.0), vec![7]));
}

#[test]
fn text_assets_are_those_of_the_folder() {
    let folder = committed("models/tiny-llama");
    let config = HfConfig::read(&folder.join("config.json")).unwrap();
    let assets = TextAssets::from_folder(&folder, &config).unwrap();
    let expected = Vocabulary::HuggingFace {
        tokenizer: folder.join("tokenizer.json"),
        config: Some(folder.join("tokenizer_config.json")),
    };
    assert_eq!(assets.vocabulary, Some(expected));
    assert_eq!((assets.chat_template, assets.generation.eos_ids), (None, vec![2]));
}

#[test]
fn ranks_are_found_and_preferred_to_a_copy_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let config = parsed(&json!({}));
    let found = || match TextAssets::from_folder(folder.path(), &config).unwrap().vocabulary {
        Some(Vocabulary::HuggingFace { tokenizer, config }) => {
            assert_eq!(config, None);
            tokenizer.file_name().map(|name| name.to_string_lossy().into_owned())
        }
        _ => None,
    };
    assert_eq!(found(), None);
    for name in ["tokenizer.json", "tiktoken.model"] {
        fs::write(folder.path().join(name), "").unwrap();
        assert_eq!(found().as_deref(), Some(name));
    }
}

#[test]
fn a_bare_folder_ends_answers_as_its_config_says() {
    let folder = tempfile::tempdir().unwrap();
    let config = parsed(&json!({"eos_token_id": [3, 4]}));
    let assets = TextAssets::from_folder(folder.path(), &config).unwrap();
    assert_eq!((assets.vocabulary, assets.generation.eos_ids), (None, vec![3, 4]));
}

#[test]
fn the_chat_template_is_sought_where_transformers_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = parsed(&json!({}));
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let template = || TextAssets::from_folder(folder.path(), &config).unwrap().chat_template;
    assert_eq!(template(), None);
    write("chat_template.json", r#"{"chat_template": "processor"}"#);
    assert_eq!(template().as_deref(), Some("processor"));
    let named = |names: &[&str]| {
        let list: Vec<Value> =
            names.iter().map(|name| json!({"name": name, "template": name})).collect();
        json!({ "chat_template": list }).to_string()
    };
    write("tokenizer_config.json", &named(&["tool_use", "default"]));
    assert_eq!(template().as_deref(), Some("default"));
    write("tokenizer_config.json", &named(&["only"]));
    assert_eq!(template().as_deref(), Some("only"));
    write("tokenizer_config.json", &named(&["one", "two"]));
    assert_eq!(template().as_deref(), Some("processor"));
    write("tokenizer_config.json", r#"{"chat_template": "config"}"#);
    assert_eq!(template().as_deref(), Some("config"));
    write("chat_template.jinja", "file");
    assert_eq!(template().as_deref(), Some("file"));
}
