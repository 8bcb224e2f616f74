//! What `inspect` tells.

use std::fs;

use pricket_core::ErrorKind;
use pricket_models::{Inspection, ModelError, ModelFormat, OpenOptions, inspect, open};

use crate::fixtures::{committed, outside};
use crate::gguf_writer::{F32, File, STRING, U32, entry, string, tensor};

fn llama() -> File {
    let number = |key: &str, value: u32| entry(key, U32, value.to_le_bytes());
    File::of_tensors(
        vec![tensor("a", &[32, 4], 2, 0), tensor("b", &[256], 40, 96), tensor("c", &[8], 0, 256)],
        288,
    )
    .with(|file| {
        file.entries.extend([
            entry("general.name", STRING, string("tiny")),
            number("llama.block_count", 3),
            number("llama.context_length", 1000),
            number("llama.embedding_length", 64),
            number("llama.attention.head_count", 4),
            number("llama.attention.head_count_kv", 2),
            number("llama.vocab_size", 99),
        ]);
    })
}

fn inspected(file: &File) -> Inspection {
    let folder = tempfile::tempdir().unwrap();
    // Content decides, not the name.
    let path = folder.path().join("blob");
    fs::write(&path, file.bytes()).unwrap();
    inspect(&path).unwrap()
}

#[test]
fn a_gguf_file_is_told_from_its_header() {
    let file = llama();
    let found = inspected(&file);
    assert_eq!((found.format, found.format_version), (ModelFormat::Gguf, Some(3)));
    assert_eq!((found.architecture.as_str(), found.name.as_deref()), ("llama", Some("tiny")));
    assert_eq!((found.files, found.file_bytes), (1, file.bytes().len() as u64));
    assert_eq!((found.parameters, found.weight_bytes), (128 + 256 + 8, 72 + 144 + 32));
    assert_eq!((found.context_length, found.vocab_size), (Some(1000), Some(99)));
    assert_eq!((found.heads, found.kv_heads, found.head_dim), (Some(4), Some(2), Some(16)));
    assert_eq!((found.tokenizer, found.has_chat_template), (None, false));
    let types: Vec<_> = found
        .tensor_types
        .iter()
        .map(|kind| (kind.name.as_str(), kind.tensors, kind.bytes, kind.supported))
        .collect();
    assert_eq!(types, [("NVFP4", 1, 144, false), ("Q4_0", 1, 72, true), ("F32", 1, 32, true)]);
    assert_eq!(found.quantization, "NVFP4");
}

#[test]
fn memory_is_the_weights_and_the_cache() {
    let found = inspected(&llama());
    // 3 layers, 2 heads of 16 values, keys and values, two bytes each.
    assert_eq!(found.kv_bytes_per_token, Some(384));
    assert_eq!(found.memory_bytes(10), Some(248 + 3840));
    assert_eq!(found.memory_bytes_full_context, Some(248 + 384_000));
    found.check_memory(10, 4088).unwrap();
    let error = found.check_memory(10, 4087).unwrap_err();
    assert_eq!(error.code(), "memory_exceeded");
    assert_eq!(error.to_string(), "the model needs 4.0 KiB of memory, but 4.0 KiB are available");
    assert_eq!(found.memory_bytes(u64::MAX), None);
}

/// Beside floats, keys and values are floats too.
#[test]
fn the_cache_is_counted_as_the_model_keeps_it() {
    let number = |key: &str, value: u32| entry(key, U32, value.to_le_bytes());
    for (kind, bytes, per_token) in [(0, 4096, 768), (1, 2048, 768), (30, 2048, 768), (2, 576, 384)]
    {
        let queries = tensor("blk.0.attn_q.weight", &[32, 32], kind, 0);
        let file = File::of_tensors(vec![queries], bytes).with(|file| {
            file.entries.extend([
                number("llama.block_count", 3),
                number("llama.embedding_length", 32),
                number("llama.attention.head_count", 2),
            ]);
        });
        assert_eq!(inspected(&file).kv_bytes_per_token, Some(per_token), "type {kind}");
    }
    for name in ["tiny-llama", "tiny-llama3-rope", "tiny-qwen3", "tiny-phi3", "tiny-gemma3"] {
        let folder = committed(&format!("models/{name}"));
        let opened = open(&folder, &OpenOptions::default(), &mut |_| ()).unwrap();
        let kept = opened.model.spec().kv_bytes_per_token;
        assert_eq!(inspect(&folder).unwrap().kv_bytes_per_token, Some(kept), "{name}");
    }
}

#[test]
fn an_architecture_that_does_not_run_is_told_all_the_same() {
    let found = inspected(&File::valid().with(|file| {
        file.entries[0] = entry("general.architecture", STRING, string("rwkv9"));
    }));
    assert_eq!((found.architecture.as_str(), found.architecture_supported), ("rwkv9", false));
    assert!(inspected(&llama()).architecture_supported);
    assert_eq!((found.layers, found.kv_bytes_per_token), (None, None));
    assert_eq!((found.vocab_size, found.tokenizer.as_deref()), (Some(4), Some("gpt2")));
    assert!(found.has_chat_template);
}

#[test]
fn a_checkpoint_is_told_from_its_folder_or_its_weights() {
    let folder = committed("models/tiny-llama");
    let found = inspect(&folder).unwrap();
    assert_eq!((found.format, found.architecture.as_str()), (ModelFormat::Safetensors, "llama"));
    assert_eq!((found.layers, found.hidden_size, found.vocab_size), (Some(3), Some(64), Some(512)));
    assert_eq!((found.quantization.as_str(), found.tensor_types.len()), ("BF16", 1));
    // Embedding and head, three layers of attention, feed-forward and two norms, the last norm.
    let layer = 64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 176 + 2 * 64;
    assert_eq!(found.parameters, 2 * 512 * 64 + 3 * layer + 64);
    assert_eq!(found.weight_bytes, 2 * found.parameters);
    assert_eq!(found.tokenizer.as_deref(), Some("tokenizer.json"));
    let by_file = inspect(&folder.join("model.safetensors")).unwrap();
    assert_eq!(Inspection { path: found.path.clone(), ..by_file }, found);
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["format"], "safetensors");
    assert_eq!(serde_json::from_value::<Inspection>(json).unwrap(), found);
}

/// `inspect` once looked at the family alone, and called a reward model of the family supported,
/// which `open` then refused.
#[test]
fn inspect_and_open_agree_on_the_class_of_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(committed("models/tiny-llama")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let path = folder.path().join("config.json");
    let config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (classes, runs) in [
        (serde_json::json!(["LlamaForCausalLM"]), true),
        (serde_json::json!(["LlamaForSequenceClassification"]), false),
        (serde_json::json!(["LlamaModel", "LlamaForCausalLM"]), false),
        (serde_json::json!([]), true),
        (serde_json::Value::Null, true),
    ] {
        let mut config = config.clone();
        config["architectures"] = classes.clone();
        fs::write(&path, config.to_string()).unwrap();
        assert_eq!(inspect(folder.path()).unwrap().architecture_supported, runs, "{classes}");
        match open(folder.path(), &OpenOptions::default(), &mut |_| ()) {
            Ok(_) => assert!(runs, "{classes}"),
            Err(error) => {
                assert!(!runs, "{classes}: {error}");
                assert_eq!(error.code(), "architecture_unsupported", "{classes}");
                assert!(error.to_string().contains("known are: LlamaForCausalLM"), "{error}");
            }
        }
    }
}

#[test]
fn every_checkpoint_of_the_fixtures_is_told() {
    let Some(models) = outside("PRICKET_FIXTURES", "shared/fixtures", "models") else { return };
    for (name, architecture, files, supported, runs) in [
        ("tiny-qwen3-moe", "qwen3_moe", 2, true, true),
        ("tiny-kimi-k2-fp8", "kimi_k2", 2, true, true),
        ("tiny-gemma3", "gemma3_text", 1, true, true),
    ] {
        let found = inspect(&models.join(name)).unwrap();
        assert_eq!((found.architecture.as_str(), found.files), (architecture, files), "{name}");
        assert_eq!(found.architecture_supported, runs, "{name}");
        assert_eq!(found.tensor_types.iter().all(|kind| kind.supported), supported, "{name}");
        assert!(found.layers.is_some() && found.context_length.is_some(), "{name}");
    }
}

/// A llama of one layer whose tensors are all there, and then one too many or too few.
fn whole_llama(change: impl FnOnce(&mut Vec<&'static str>)) -> File {
    let number = |key: &str, value: u32| entry(key, U32, value.to_le_bytes());
    let mut names = vec![
        "token_embd.weight",
        "output_norm.weight",
        "blk.0.attn_norm.weight",
        "blk.0.attn_q.weight",
        "blk.0.attn_q.bias",
        "blk.0.attn_k.weight",
        "blk.0.attn_v.weight",
        "blk.0.attn_output.weight",
        "blk.0.ffn_norm.weight",
        "blk.0.ffn_gate.weight",
        "blk.0.ffn_up.weight",
        "blk.0.ffn_down.weight",
        "rope_freqs.weight",
    ];
    change(&mut names);
    let tensors = names.iter().enumerate().map(|(index, name)| {
        let axes: &[u64] = match *name {
            name if name.contains("norm") || name.contains("bias") => &[8],
            "rope_freqs.weight" => &[2],
            "blk.0.attn_k.weight" | "blk.0.attn_v.weight" => &[8, 4],
            _ => &[8, 8],
        };
        tensor(name, axes, 0, 256 * index as u64)
    });
    File::of_tensors(tensors.collect(), 256 * names.len()).with(|file| {
        file.data = 1.0_f32.to_le_bytes().repeat(64 * names.len());
        file.entries.extend([
            number("llama.block_count", 1),
            number("llama.context_length", 64),
            number("llama.embedding_length", 8),
            number("llama.feed_forward_length", 8),
            number("llama.attention.head_count", 2),
            number("llama.attention.head_count_kv", 1),
            entry("llama.attention.layer_norm_rms_epsilon", F32, 1e-5_f32.to_le_bytes()),
        ]);
    })
}

fn opened(file: &File) -> Result<(), ModelError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs::write(&path, file.bytes()).unwrap();
    let options = OpenOptions { threads: Some(1), ..OpenOptions::default() };
    open(&path, &options, &mut |_| ()).map(drop)
}

/// A tensor that nobody reads means that the model has something which the decoder does not do.
#[test]
fn missing_and_unused_tensors_are_told_and_refused() {
    let whole = whole_llama(|_| ());
    let found = inspected(&whole);
    assert_eq!((found.missing_tensors.len(), found.unused_tensors.len()), (0, 0));
    opened(&whole).unwrap();

    let more = whole_llama(|names| names.extend(["blk.0.attn_q_norm.weight", "blk.1.attn_q.bias"]));
    let found = inspected(&more);
    assert_eq!(found.unused_tensors, ["blk.0.attn_q_norm.weight", "blk.1.attn_q.bias"]);
    let error = opened(&more).unwrap_err();
    assert_eq!((error.code(), error.kind()), ("tensors_unused", ErrorKind::Unsupported));
    assert_eq!(
        error.to_string(),
        "the files hold 2 tensors that this architecture does not use (blk.0.attn_q_norm.weight, \
         blk.1.attn_q.bias); an answer without them would be wrong"
    );

    let fewer = whole_llama(|names| names.retain(|name| !name.contains("ffn_up")));
    assert_eq!(inspected(&fewer).missing_tensors, ["blk.0.ffn_up.weight"]);
    assert_eq!(opened(&fewer).unwrap_err().to_string(), "tensor `blk.0.ffn_up.weight` is missing");
}
