//! What architectures refuse: configs that contradict themselves, and files whose tensors are not
//! those of the architecture. Each error names what is wrong.

use std::fs;
use std::path::Path;

use pricket_models::{Batch, Logits, LogitsWanted, ModelError, OpenOptions, open};
use serde_json::{Value, json};

use crate::fixtures::committed;

/// A copy of a committed checkpoint, to be spoilt.
struct Copy(tempfile::TempDir);

impl Copy {
    fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in ["config.json", "model.safetensors"] {
            let from = committed("models").join(name).join(file);
            fs::copy(from, folder.path().join(file)).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Changes fields of the config; null takes a field out.
    fn change(&self, fields: &Value) {
        let path = self.path().join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for (field, value) in fields.as_object().unwrap() {
            config[field] = value.clone();
            if value.is_null() {
                config.as_object_mut().unwrap().remove(field);
            }
        }
        fs::write(path, config.to_string()).unwrap();
    }

    /// Changes what the weights' header says of a tensor: its name, and its shape.
    fn retell(&self, tensor: &str, name: &str, turned: bool) {
        let path = self.path().join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        let (len, rest) = bytes.split_first_chunk::<8>().unwrap();
        let (header, data) = rest.split_at(usize::try_from(u64::from_le_bytes(*len)).unwrap());
        let mut header: Value = serde_json::from_slice(header).unwrap();
        let mut told = header.as_object_mut().unwrap().remove(tensor).unwrap();
        if turned {
            told["shape"].as_array_mut().unwrap().reverse();
        }
        header[name] = told;
        let header = header.to_string();
        let len = (header.len() as u64).to_le_bytes();
        fs::write(path, [&len[..], header.as_bytes(), data].concat()).unwrap();
    }

    fn refused(&self) -> ModelError {
        let opened = open(self.path(), &OpenOptions::default(), &mut |_| ());
        opened.err().unwrap_or_else(|| panic!("{} was opened", self.path().display()))
    }
}

const CONFIG: &str = "model_config_invalid";
const UNSUPPORTED: &str = "model_unsupported";

#[test]
fn configs_that_contradict_themselves_are_refused() {
    let sliding = json!({"use_sliding_window": true, "max_window_layers": 0,
        "sliding_window": null});
    let long = json!({"rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.0],
        "long_factor": [2.0, 2.0]}});
    for (name, fields, code, message) in [
        ("tiny-llama", json!({"partial_rotary_factor": 0.5}), UNSUPPORTED, "whole heads"),
        ("tiny-qwen2", sliding, CONFIG, "`sliding_window` is missing"),
        ("tiny-mistral", json!({"rope_theta": 0.0}), CONFIG, "`rope_theta` must be above 0"),
        ("tiny-mistral", json!({"rope_theta": 1e-45}), UNSUPPORTED, "are not finite"),
        (
            "tiny-mistral",
            json!({"model_type": "smollm3", "architectures": null,
            "no_rope_layers": [1, 1]}),
            CONFIG,
            "`no_rope_layers` has 2 values",
        ),
        ("tiny-phi3", json!({"partial_rotary_factor": 0.7}), UNSUPPORTED, "turning 11 values"),
        ("tiny-phi3", long, UNSUPPORTED, "a rope with 2 factors"),
        ("tiny-gemma3", json!({"sliding_window": null}), CONFIG, "`sliding_window` is missing"),
        ("tiny-gemma3", json!({"query_pre_attn_scalar": 0}), CONFIG, "must be above 0, but is 0"),
        ("tiny-gemma3", json!({"use_bidirectional_attention": true}), UNSUPPORTED, "comes later"),
        ("tiny-gemma3", json!({"hidden_activation": "gelu"}), UNSUPPORTED, "activation `gelu`"),
        ("tiny-gemma3", json!({"final_logit_softcapping": -30.0}), UNSUPPORTED, "a cap of -30"),
        ("tiny-gemma3", json!({"attn_logit_softcapping": 0}), UNSUPPORTED, "a cap of 0"),
        ("tiny-mixtral", json!({"num_experts_per_tok": 5}), UNSUPPORTED, "5 of 4 experts cannot"),
        ("tiny-mixtral", json!({"num_local_experts": 0}), CONFIG, "`num_local_experts` must be"),
        ("tiny-mixtral", json!({"num_local_experts": null}), CONFIG, "is missing"),
        ("tiny-mixtral", json!({"num_local_experts": 1 << 17}), UNSUPPORTED, "393216 experts"),
        ("tiny-qwen2-moe", json!({"moe_intermediate_size": null}), CONFIG, "is missing"),
        ("tiny-gpt-oss", json!({"swiglu_limit": 0.0}), UNSUPPORTED, "its gate is bounded by 0"),
        ("tiny-gpt-oss", json!({"swiglu_alpha": 1e39}), UNSUPPORTED, "has a slope of inf"),
        ("tiny-gpt-oss", json!({"hidden_act": "gelu_new"}), UNSUPPORTED, "another activation"),
        ("tiny-gpt-oss", json!({"num_experts_per_tok": 7}), UNSUPPORTED, "7 of 6 experts cannot"),
        ("tiny-gpt-oss", json!({"sliding_window": null}), CONFIG, "`sliding_window` is missing"),
        (
            "tiny-qwen2-moe",
            json!({"shared_expert_intermediate_size": 0}),
            CONFIG,
            "`shared_expert_intermediate_size` must be from 1",
        ),
    ] {
        let copy = Copy::of(name);
        copy.change(&fields);
        let error = copy.refused();
        assert_eq!(error.code(), code, "{name} with {fields}: {error}");
        assert!(error.to_string().contains(message), "{name} with {fields}: {error}");
    }
}

#[test]
fn a_tensor_that_is_missing_superfluous_or_of_another_shape_is_named() {
    for (name, tensor) in [
        ("tiny-qwen2", "model.layers.1.self_attn.k_proj.bias"),
        ("tiny-qwen3", "model.layers.2.self_attn.q_norm.weight"),
        ("tiny-mistral", "model.layers.0.self_attn.o_proj.weight"),
        ("tiny-phi3", "model.layers.1.self_attn.qkv_proj.weight"),
        ("tiny-phi3", "model.layers.1.mlp.gate_up_proj.weight"),
        ("tiny-gemma3", "model.layers.5.pre_feedforward_layernorm.weight"),
        ("tiny-gemma3", "model.layers.0.post_feedforward_layernorm.weight"),
        ("tiny-mixtral", "model.layers.0.block_sparse_moe.gate.weight"),
        ("tiny-mixtral", "model.layers.1.block_sparse_moe.experts.3.w3.weight"),
        ("tiny-qwen2-moe", "model.layers.3.mlp.shared_expert.up_proj.weight"),
        ("tiny-qwen2-moe", "model.layers.3.mlp.shared_expert_gate.weight"),
        ("tiny-glm4", "model.layers.2.post_mlp_layernorm.weight"),
        ("tiny-glm4", "model.layers.0.self_attn.v_proj.bias"),
        ("tiny-gpt-oss", "model.layers.1.self_attn.sinks"),
        ("tiny-gpt-oss", "model.layers.0.mlp.router.bias"),
        ("tiny-gpt-oss", "model.layers.3.mlp.experts.gate_up_proj"),
        ("tiny-gpt-oss", "model.layers.3.mlp.experts.gate_up_proj_bias"),
        ("tiny-gpt-oss", "model.layers.2.mlp.experts.down_proj"),
        ("tiny-gpt-oss", "model.layers.2.mlp.experts.down_proj_bias"),
    ] {
        let copy = Copy::of(name);
        copy.retell(tensor, "model.other.weight", false);
        let error = copy.refused();
        assert_eq!(error.to_string(), format!("tensor `{tensor}` is missing"), "{name}");
    }
    for (name, tensor) in [
        ("tiny-phi3", "model.layers.1.self_attn.qkv_proj.weight"),
        ("tiny-phi3", "model.layers.2.mlp.gate_up_proj.weight"),
        ("tiny-gemma3", "model.layers.5.self_attn.k_proj.weight"),
        ("tiny-mixtral", "model.layers.2.block_sparse_moe.experts.0.w2.weight"),
        ("tiny-qwen2-moe", "model.layers.1.mlp.shared_expert_gate.weight"),
        ("tiny-gpt-oss", "model.layers.1.mlp.experts.gate_up_proj"),
        ("tiny-gpt-oss", "model.layers.1.mlp.experts.gate_up_proj_bias"),
        ("tiny-gpt-oss", "model.layers.1.mlp.experts.down_proj"),
        ("tiny-gpt-oss", "model.layers.1.mlp.experts.down_proj_bias"),
    ] {
        let copy = Copy::of(name);
        copy.retell(tensor, tensor, true);
        let error = copy.refused();
        assert_eq!(error.code(), "tensor_shape", "{name}: {error}");
        assert!(error.to_string().contains(tensor), "{name}: {error}");
    }
    // A checkpoint read as one of a family that has less.
    for (name, family, extra) in [
        ("tiny-qwen2", "mistral", "model.layers.0.self_attn.k_proj.bias"),
        ("tiny-qwen3", "mistral", "model.layers.0.self_attn.k_norm.weight"),
    ] {
        let copy = Copy::of(name);
        copy.change(&json!({"model_type": family, "architectures": null}));
        let error = copy.refused();
        assert_eq!(error.code(), "tensors_unused", "{name}: {error}");
        assert!(error.to_string().contains(extra), "{name}: {error}");
    }
}

/// The logits after five tokens of a checkpoint with some fields changed.
fn first_logits(name: &str, fields: &Value) -> Vec<f32> {
    let copy = Copy::of(name);
    copy.change(fields);
    let opened = open(copy.path(), &OpenOptions::default(), &mut |_| ()).unwrap();
    let mut model = opened.model;
    let mut cache = model.new_cache(1, 8).unwrap();
    let sequence = cache.open_sequence().unwrap();
    let (mut batch, mut logits) = (Batch::default(), Logits::default());
    batch.push(sequence, 0, &[5, 80, 300, 7, 44], LogitsWanted::Last);
    model.forward(&batch, &mut cache, &mut logits).unwrap();
    logits.row(0).to_vec()
}

/// What a GLM-4's config leaves out is what transformers' class takes, and not what a Llama's would
/// be: its biases are there, and half of each head is turned.
#[test]
fn a_glm4_has_its_own_defaults() {
    let first_logits = |fields: &Value| first_logits("tiny-glm4", fields);
    let said = json!({"partial_rotary_factor": 0.5, "attention_bias": true,
        "rms_norm_eps": 1.5625e-7});
    let silent = json!({"partial_rotary_factor": null, "attention_bias": null,
        "rms_norm_eps": null});
    assert_eq!(first_logits(&silent), first_logits(&said));
    for other in [json!({"partial_rotary_factor": 1.0}), json!({"rms_norm_eps": 0.1})] {
        assert_ne!(first_logits(&silent), first_logits(&other), "{other}");
    }
    let copy = Copy::of("tiny-glm4");
    copy.change(&json!({"attention_bias": false}));
    assert_eq!(copy.refused().code(), "tensors_unused");
}

/// The same of a gpt-oss: biases, two bounds of its gate, the base and the stretching of its rope,
/// windows in every second layer.
#[test]
fn a_gpt_oss_has_its_own_defaults() {
    let first_logits = |fields: &Value| first_logits("tiny-gpt-oss", fields);
    let stretched = json!({"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0,
        "beta_slow": 1.0, "truncate": false, "original_max_position_embeddings": 4096});
    let types = ["sliding_attention", "full_attention"].repeat(2);
    let said = json!({"attention_bias": true, "rms_norm_eps": 1e-5, "swiglu_alpha": 1.702,
        "swiglu_limit": 7.0, "rope_theta": 150_000.0, "rope_scaling": stretched,
        "sliding_window": 3, "layer_types": types});
    let silent = json!({"attention_bias": null, "rms_norm_eps": null, "swiglu_alpha": null,
        "swiglu_limit": null, "rope_theta": null, "rope_scaling": null, "sliding_window": 3,
        "layer_types": null});
    let expected = first_logits(&said);
    assert_eq!(first_logits(&silent), expected);
    let whole = json!({"rope_type": "yarn", "factor": 32.0, "truncate": true,
        "original_max_position_embeddings": 64});
    let between = json!({"rope_type": "yarn", "factor": 32.0, "truncate": false,
        "original_max_position_embeddings": 64});
    assert_ne!(
        first_logits(&json!({"rope_scaling": whole})),
        first_logits(&json!({"rope_scaling": between}))
    );
    for (field, other) in [
        ("rms_norm_eps", json!(0.1)),
        ("swiglu_alpha", json!(1.0)),
        ("swiglu_limit", json!(3.0)),
        ("rope_theta", json!(10_000.0)),
        ("sliding_window", json!(2)),
        ("layer_types", json!(vec!["full_attention"; 4])),
    ] {
        let mut changed = said.clone();
        changed[field] = other;
        assert_ne!(first_logits(&changed), expected, "{field}");
    }
    let copy = Copy::of("tiny-gpt-oss");
    copy.change(&json!({"attention_bias": false}));
    assert_eq!(copy.refused().code(), "tensors_unused");
}
