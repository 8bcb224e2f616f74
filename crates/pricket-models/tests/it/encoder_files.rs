//! What an encoder's files may say, and what is refused: every refusal names the file or the
//! tensor, what was expected and what was found.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use half::{bf16, f16};
use pricket_models::{
    EncoderBatch, EncoderOptions, EncoderOutput, EncoderRows, ModelError, OpenedEncoder,
    PoolingMode, inspect, open_encoder,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::fixtures::committed;

/// A copy of a committed model, to be changed.
fn copy(name: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    copy_into(&committed("embeddings").join(name), folder.path());
    folder
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_into(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn edit(folder: &TempDir, file: &str, change: impl FnOnce(&mut Value)) {
    let path = folder.path().join(file);
    let mut value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

fn open(folder: &Path) -> Result<OpenedEncoder, ModelError> {
    let options = EncoderOptions { threads: Some(1), ..EncoderOptions::default() };
    open_encoder(folder, &options, &mut |_| ())
}

/// What opening a model says, one of whose files was changed.
fn refusal(name: &str, file: &str, change: impl FnOnce(&mut Value)) -> ModelError {
    let folder = copy(name);
    edit(&folder, file, change);
    open(folder.path()).unwrap_err()
}

fn row(opened: &mut OpenedEncoder, ids: &[u32]) -> Vec<f32> {
    let mut batch = EncoderBatch::default();
    batch.push(ids);
    let mut rows = EncoderRows::default();
    opened.encoder.encode(&batch, &mut rows).unwrap();
    rows.row(0).to_vec()
}

const IDS: [u32; 6] = [2, 40, 41, 42, 43, 3];

#[test]
fn a_config_that_says_nonsense_is_refused_by_name() {
    let cases: [(&str, Value, &str); 9] = [
        ("num_attention_heads", json!(0), "`num_attention_heads` must be from 1"),
        ("num_attention_heads", json!(5), "32 cannot be shared among 5 heads"),
        ("hidden_size", json!(1_u64 << 40), "`hidden_size` must be from 1"),
        ("vocab_size", Value::Null, "`vocab_size` is missing"),
        ("type_vocab_size", json!(0), "`type_vocab_size` must be from 1"),
        ("num_hidden_layers", json!(1_000_000), "`num_hidden_layers` must be from 1"),
        ("layer_norm_eps", json!(-1.0), "epsilon must be 0 or more, but is -1"),
        ("max_position_embeddings", json!(0), "`max_position_embeddings` must be from 1"),
        ("intermediate_size", json!("wide"), "invalid type"),
    ];
    for (field, value, says) in cases {
        let error = refusal("tiny-bert", "config.json", |config| config[field] = value.clone());
        assert!(matches!(error, ModelError::Config { .. }), "{field}: {error:?}");
        assert!(error.to_string().contains(says), "{field}: {error}");
        assert!(error.to_string().contains("config.json"), "{error}");
    }
    let too_few = refusal("tiny-xlm-roberta", "config.json", |config| {
        config["max_position_embeddings"] = json!(2);
    });
    assert!(too_few.to_string().contains("the first token has the position 2"), "{too_few}");
    let padding = refusal("tiny-xlm-roberta", "config.json", |config| {
        config["pad_token_id"] = json!(u64::MAX);
    });
    assert!(padding.to_string().contains("which no token has"), "{padding}");
    let fraction = refusal("tiny-nomic-bert", "config.json", |config| {
        config["rotary_emb_fraction"] = json!(0.1);
    });
    assert!(fraction.to_string().contains("turn 0 of 8"), "{fraction}");
}

#[test]
fn what_this_build_does_not_run_is_refused_as_such() {
    let cases: [(&str, &str, Value, &str); 8] = [
        ("tiny-bert", "hidden_act", json!("mish"), "activation `mish`"),
        ("tiny-bert", "position_embedding_type", json!("relative_key"), "relative positions"),
        ("tiny-bert", "is_decoder", json!(true), "causal mask"),
        ("tiny-nomic-bert", "prenorm", json!(true), "norm in front"),
        ("tiny-nomic-bert", "hidden_act", json!("gelu"), "activation `gelu`"),
        ("tiny-nomic-bert", "num_experts", json!(8), "experts"),
        ("tiny-nomic-bert", "rope_parameters", json!({"rope_type": "yarn"}), "scaled rotations"),
        ("tiny-cross-encoder", "id2label", json!({"0": "a", "1": "b"}), "with 2 labels"),
    ];
    for (name, field, value, says) in cases {
        let error = refusal(name, "config.json", |config| config[field] = value.clone());
        assert!(matches!(error, ModelError::Unsupported { .. }), "{field}: {error:?}");
        assert!(error.to_string().contains(says), "{field}: {error}");
    }
    for (field, value) in [
        ("model_type", json!("t5")),
        ("architectures", json!(["BertForTokenClassification"])),
        ("architectures", json!(["RobertaModel"])),
    ] {
        let error = refusal("tiny-bert", "config.json", |config| config[field] = value.clone());
        assert!(matches!(error, ModelError::ArchitectureUnsupported { .. }), "{error:?}");
        assert!(error.to_string().to_lowercase().contains("bert"), "{error}");
    }
}

#[test]
fn tensors_that_the_config_does_not_ask_for_are_named() {
    let wide = refusal("tiny-bert", "config.json", |config| config["hidden_size"] = json!(64));
    let ModelError::TensorShape { tensor, expected, found } = wide else { panic!("{wide:?}") };
    assert_eq!(tensor, "embeddings.word_embeddings.weight");
    assert_eq!((expected, found), (vec![217, 64], vec![217, 32]));
    let inner =
        refusal("tiny-bert", "config.json", |config| config["intermediate_size"] = json!(71));
    let ModelError::TensorShape { tensor, expected, found } = inner else { panic!("{inner:?}") };
    assert_eq!(tensor, "encoder.layer.0.intermediate.dense.weight");
    assert_eq!((expected, found), (vec![71, 32], vec![72, 32]));
    let deep = refusal("tiny-bert", "config.json", |c| c["num_hidden_layers"] = json!(3));
    assert!(deep.to_string().contains("encoder.layer.2."), "{deep}");
    let flat = refusal("tiny-bert", "config.json", |c| c["num_hidden_layers"] = json!(1));
    let ModelError::TensorsUnused { count, names } = flat else { panic!("{flat:?}") };
    assert!(count == 16 && names.contains("encoder.layer.1."), "{count} {names}");
    let folder = copy("tiny-bert");
    let at = folder.path().join("model.safetensors");
    let bytes = fs::read(&at).unwrap();
    fs::write(&at, &bytes[..bytes.len() - 100]).unwrap();
    let short = open(folder.path()).unwrap_err();
    assert!(matches!(short, ModelError::Truncated { .. }), "{short:?}");
    fs::remove_file(&at).unwrap();
    let none = open(folder.path()).unwrap_err();
    assert!(matches!(none, ModelError::NotFound { .. }), "{none:?}");
}

#[test]
fn the_files_of_sentence_transformers_are_checked() {
    let class = |class: &str| json!({"path": "x", "type": format!("a.{class}")});
    let unsupported = [
        json!([class("Transformer"), class("Pooling"), class("Dense")]),
        json!([class("Pooling")]),
        json!([class("Transformer"), class("Pooling"), class("Normalize"), class("Normalize")]),
    ];
    for modules in unsupported {
        let error = refusal("tiny-bert", "modules.json", |file| *file = modules.clone());
        assert!(matches!(error, ModelError::Unsupported { .. }), "{error:?}");
    }
    for (modules, says) in [
        (json!([]), "names no Transformer"),
        (json!([class("Transformer")]), "names no Transformer followed by a Pooling"),
        (json!([{"path": "../..", "type": "Transformer"}]), "leads out of the folder"),
        (json!([{"path": "/etc", "type": "Transformer"}]), "leads out of the folder"),
        (json!({"path": "", "type": "Transformer"}), "invalid type"),
    ] {
        let error = refusal("tiny-bert", "modules.json", |file| *file = modules.clone());
        assert!(matches!(error, ModelError::Config { .. }), "{error:?}");
        assert!(error.to_string().contains(says), "{error}");
    }
    let pooling = "1_Pooling/config.json";
    let mode = refusal("tiny-bert", pooling, |file| *file = json!({"pooling_mode": "middle"}));
    assert!(mode.to_string().contains("`middle`"), "{mode}");
    let width = refusal("tiny-bert", pooling, |file| file["word_embedding_dimension"] = json!(33));
    assert!(width.to_string().contains("33"), "{width}");
    let prompt = refusal("tiny-bert", pooling, |file| file["include_prompt"] = json!(false));
    assert!(matches!(prompt, ModelError::Unsupported { .. }), "{prompt:?}");
    let length = refusal("tiny-bert", "sentence_bert_config.json", |file| {
        file["max_seq_length"] = json!(0);
    });
    assert!(length.to_string().contains("`max_seq_length` must be from 1"), "{length}");
    let default = refusal("tiny-bert", "config_sentence_transformers.json", |file| {
        file["default_prompt_name"] = json!("classification");
    });
    assert!(default.to_string().contains("`classification`"), "{default}");
    let folder = copy("tiny-bert");
    fs::remove_file(folder.path().join(pooling)).unwrap();
    let absent = open(folder.path()).unwrap_err();
    assert!(absent.to_string().contains("1_Pooling"), "{absent}");
}

#[test]
fn a_file_of_the_folder_means_the_folder_and_another_does_not() {
    let folder = committed("embeddings").join("tiny-bert");
    for file in ["config.json", "model.safetensors"] {
        assert!(open(&folder.join(file)).is_ok(), "{file}");
    }
    for (file, says) in [
        ("tokenizer.json", "this is another file"),
        ("absent", "no such file"),
        ("absent/config.json", "no such file"),
    ] {
        let error = open(&folder.join(file)).unwrap_err();
        assert!(matches!(error, ModelError::NotFound { .. }), "{error:?}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_model_that_does_not_fit_is_refused_before_it_is_read() {
    let options = EncoderOptions { memory: Some(10_000), ..EncoderOptions::default() };
    let folder = committed("embeddings").join("tiny-bert");
    let mut events = 0;
    let error = open_encoder(&folder, &options, &mut |_| events += 1).unwrap_err();
    assert!(matches!(error, ModelError::MemoryExceeded { .. }), "{error:?}");
    assert_eq!(events, 0);
}

#[test]
fn a_bare_transformer_gives_the_mean_of_any_length() {
    let folder = copy("tiny-bert");
    let mut whole = open(folder.path()).unwrap();
    for file in ["modules.json", "sentence_bert_config.json"] {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    let mut bare = open(folder.path()).unwrap();
    assert_eq!(bare.encoder.spec().output, EncoderOutput::Vectors { normalized: false });
    assert_eq!(bare.recipe.pooling.modes(), [PoolingMode::Mean]);
    // The tokenizer's own limit, which is that of the positions here.
    assert_eq!((whole.encoder.spec().tokens_max, bare.encoder.spec().tokens_max), (48, 64));
    let (unit, mean) = (row(&mut whole, &IDS), row(&mut bare, &IDS));
    let length = mean.iter().map(|v| v * v).sum::<f32>().sqrt();
    assert!((length - 1.0).abs() > 0.1);
    for (a, b) in unit.iter().zip(&mean) {
        assert!((a - b / length).abs() < 1e-6, "{a} {b}");
    }
}

#[test]
fn nomics_own_config_is_read_like_that_of_transformers() {
    let folder = copy("tiny-nomic-bert");
    let theirs = row(&mut open(folder.path()).unwrap(), &IDS);
    let config = json!({
        "architectures": ["NomicBertModel"], "model_type": "nomic_bert", "vocab_size": 217,
        "n_embd": 32, "n_layer": 2, "n_head": 4, "n_inner": 72, "n_positions": 64,
        "activation_function": "swiglu", "layer_norm_epsilon": 1e-12, "type_vocab_size": 2,
        "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": false,
        "rotary_scaling_factor": null, "prenorm": false, "parallel_block": false, "causal": false,
        "use_rms_norm": false, "qkv_proj_bias": false,
    });
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    assert_eq!(row(&mut open(folder.path()).unwrap(), &IDS), theirs);
    edit(&folder, "config.json", |config| config["rotary_emb_base"] = json!(10_000));
    assert_ne!(row(&mut open(folder.path()).unwrap(), &IDS), theirs);
    edit(&folder, "config.json", |config| config["rotary_scaling_factor"] = json!(2.0));
    let scaled = open(folder.path()).unwrap_err();
    assert!(matches!(scaled, ModelError::Unsupported { .. }), "{scaled:?}");
}

/// Writes a model's tensors anew: each with another name, and its bytes as another type.
fn rewrite(
    folder: &TempDir,
    dtype: &str,
    name: impl Fn(&str) -> String,
    narrow: impl Fn(f32) -> Vec<u8>,
) {
    let path = folder.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let header_len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Map<String, Value> = serde_json::from_slice(&bytes[8..8 + header_len]).unwrap();
    let (mut entries, mut data) = (BTreeMap::new(), Vec::new());
    for (tensor, entry) in header.iter().filter(|(tensor, _)| *tensor != "__metadata__") {
        let place = |i: usize| entry["data_offsets"][i].as_u64().unwrap() as usize;
        let values = &bytes[8 + header_len + place(0)..8 + header_len + place(1)];
        let start = data.len();
        for value in values.as_chunks::<4>().0 {
            data.extend(narrow(f32::from_le_bytes(*value)));
        }
        let offsets = [start, data.len()];
        let shape = &entry["shape"];
        let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": offsets});
        entries.insert(name(tensor), entry);
    }
    let header = serde_json::to_vec(&entries).unwrap();
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header);
    out.extend(data);
    fs::write(path, out).unwrap();
}

#[test]
fn former_names_prefixes_and_narrow_types_give_the_same_vectors() {
    let bytes = |value: f32| value.to_le_bytes().to_vec();
    let whole = row(&mut open(copy("tiny-bert").path()).unwrap(), &IDS);
    let folder = copy("tiny-bert");
    let former = |name: &str| {
        let name = name.replace("LayerNorm.weight", "LayerNorm.gamma");
        format!("bert.{}", name.replace("LayerNorm.bias", "LayerNorm.beta"))
    };
    rewrite(&folder, "F32", former, bytes);
    assert_eq!(row(&mut open(folder.path()).unwrap(), &IDS), whole);
    let close = |rows: &[f32], least: f32| {
        let cosine: f32 = rows.iter().zip(&whole).map(|(a, b)| a * b).sum();
        assert!(cosine > least && cosine < 1.0 - 1e-9, "{cosine}");
    };
    rewrite(&folder, "F16", str::to_owned, |v| f16::from_f32(v).to_le_bytes().to_vec());
    close(&row(&mut open(folder.path()).unwrap(), &IDS), 0.999_99);
    let folder = copy("tiny-bert");
    rewrite(&folder, "BF16", str::to_owned, |v| bf16::from_f32(v).to_le_bytes().to_vec());
    close(&row(&mut open(folder.path()).unwrap(), &IDS), 0.999);
    rewrite(&folder, "I32", str::to_owned, |v| v.to_le_bytes().to_vec());
    let integers = open(folder.path()).unwrap_err();
    assert!(!integers.to_string().is_empty());
}

#[test]
fn inspection_tells_an_encoder() {
    let told = inspect(&committed("embeddings").join("tiny-bert")).unwrap();
    assert!(told.architecture_supported);
    assert_eq!((told.architecture.as_str(), told.kv_bytes_per_token), ("bert", None));
    let opened = open(&committed("embeddings").join("tiny-bert")).unwrap();
    // The pooler's matrix is in the file and is not loaded.
    assert_eq!(told.parameters, opened.encoder.spec().parameters + 32 * 32 + 32);
}
