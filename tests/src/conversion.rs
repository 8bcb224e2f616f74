//! A tiny checkpoint as a GGUF file, all weights in floats: the same model by the other way in.
//!
//! What the format's converters do is done here again from its conventions: names and keys; rows of
//! queries and keys of a Llama permuted; a Gemma's norms with their 1 added, and its scale of
//! scores, where it is not that of a head's width, folded into the queries.

use std::io;
use std::path::PathBuf;

use pricket::models::{Safetensors, TensorSource};
use pricket::simd::dequantize_row;
use serde_json::Value;

use crate::{Scratch, tiny_model};

/// Names of the format for those of checkpoints, layers' parts first.
const NAMES: [(&str, &str); 19] = [
    (".input_layernorm.", ".attn_norm."),
    (".self_attn.qkv_proj.", ".attn_qkv."),
    (".self_attn.q_proj.", ".attn_q."),
    (".self_attn.k_proj.", ".attn_k."),
    (".self_attn.v_proj.", ".attn_v."),
    (".self_attn.o_proj.", ".attn_output."),
    (".self_attn.q_norm.", ".attn_q_norm."),
    (".self_attn.k_norm.", ".attn_k_norm."),
    (".pre_feedforward_layernorm.", ".ffn_norm."),
    (".post_feedforward_layernorm.", ".post_ffw_norm."),
    (".post_attention_layernorm.", ".ffn_norm."),
    (".mlp.gate_up_proj.", ".ffn_up."),
    (".mlp.gate_proj.", ".ffn_gate."),
    (".mlp.up_proj.", ".ffn_up."),
    (".mlp.down_proj.", ".ffn_down."),
    ("model.layers.", "blk."),
    ("model.embed_tokens.", "token_embd."),
    ("model.norm.", "output_norm."),
    ("lm_head.", "output."),
];

/// A folder with the checkpoint as `model.gguf`, and the file's path.
///
/// # Errors
/// The file system's; `InvalidData` where the checkpoint is not one of those that are known here.
pub fn converted(name: &str) -> io::Result<(Scratch, PathBuf)> {
    let folder = tiny_model(name);
    let config: Value = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
    let weights = Safetensors::open(&folder).map_err(io::Error::other)?;
    let mut file = Gguf::default();
    let source = Source { config: &config, weights: &weights };
    source.write_keys(&mut file)?;
    for tensor in weights.tensors() {
        let (values, shape) = source.tensor(&tensor.name)?;
        file.add(&source.name(&tensor.name), &shape, &values);
    }
    let scratch = Scratch::of_tiny_model(name, None)?;
    let path = scratch.path().join("model.gguf");
    std::fs::write(&path, file.bytes())?;
    Ok((scratch, path))
}

/// A checkpoint.
struct Source<'a> {
    config: &'a Value,
    weights: &'a Safetensors,
}

impl Source<'_> {
    fn family(&self) -> &str {
        self.config["model_type"].as_str().unwrap_or_default()
    }

    fn is_gemma(&self) -> bool {
        self.family().starts_with("gemma")
    }

    fn number(&self, field: &str) -> io::Result<u32> {
        let missing = || io::Error::new(io::ErrorKind::InvalidData, field.to_owned());
        self.config[field].as_u64().map(|number| number as u32).ok_or_else(missing)
    }

    fn head_dim(&self) -> io::Result<u32> {
        match self.number("head_dim") {
            Ok(width) => Ok(width),
            Err(_) => Ok(self.number("hidden_size")? / self.number("num_attention_heads")?),
        }
    }

    /// What the format calls the architecture.
    fn architecture(&self) -> &str {
        match self.family() {
            "mistral" => "llama",
            "gemma3_text" => "gemma3",
            family => family,
        }
    }

    fn name(&self, name: &str) -> String {
        let mut name = name.to_owned();
        if self.is_gemma() {
            // It stands behind attention here, and elsewhere before what follows.
            name = name.replace(".post_attention_layernorm.", ".post_attention_norm.");
        }
        for (from, to) in NAMES {
            name = name.replace(from, to);
        }
        name
    }

    /// A tensor as the format holds it.
    fn tensor(&self, name: &str) -> io::Result<(Vec<f32>, Vec<usize>)> {
        let info = self.weights.info(name).map_err(io::Error::other)?;
        let mut bytes = vec![0; info.bytes as usize];
        self.weights.read_range(name, 0, &mut bytes).map_err(io::Error::other)?;
        let mut values = vec![0.0; info.shape.iter().product()];
        dequantize_row(info.format, &bytes, &mut values).map_err(io::Error::other)?;
        if self.is_gemma() && name.contains("norm") {
            for value in &mut values {
                *value += 1.0;
            }
        }
        let head_dim = self.head_dim()? as usize;
        let queries = if self.family() == "gemma2" { "q_proj" } else { "q_norm" };
        if let Some(width) = self.config["query_pre_attn_scalar"].as_f64()
            && name.contains(queries)
        {
            let scale = (head_dim as f64 / width).sqrt() as f32;
            for value in &mut values {
                *value *= scale;
            }
        }
        let permutes = ["llama", "mistral", "smollm3"].contains(&self.family());
        if permutes && (name.contains("q_proj") || name.contains("k_proj")) {
            let cols = info.shape.get(1).copied().unwrap_or(1);
            values = permuted(&values, head_dim, cols);
        }
        Ok((values, info.shape))
    }

    fn write_keys(&self, file: &mut Gguf) -> io::Result<()> {
        let config = self.config;
        let float = |field: &str| config[field].as_f64().map(|value| value as f32);
        let prefix = self.architecture().to_owned();
        let key = |key: &str| format!("{prefix}.{key}");
        file.text("general.architecture", &prefix);
        for (name, field) in [
            ("embedding_length", "hidden_size"),
            ("block_count", "num_hidden_layers"),
            ("feed_forward_length", "intermediate_size"),
            ("attention.head_count", "num_attention_heads"),
            ("attention.head_count_kv", "num_key_value_heads"),
            ("context_length", "max_position_embeddings"),
        ] {
            file.number(&key(name), self.number(field)?);
        }
        file.number(&key("attention.key_length"), self.head_dim()?);
        file.number(&key("attention.value_length"), self.head_dim()?);
        file.float(&key("attention.layer_norm_rms_epsilon"), float("rms_norm_eps").unwrap_or(0.0));
        file.float(&key("rope.freq_base"), float("rope_theta").unwrap_or(10_000.0));
        if let Some(part) = float("partial_rotary_factor") {
            let dims = self.head_dim()? as f32 * part;
            file.number(&key("rope.dimension_count"), dims as u32);
        }
        if ["phi3", "gemma2", "gemma3"].contains(&&*prefix) {
            file.number(&key("attention.sliding_window"), self.number("sliding_window")?);
        }
        for name in ["attn_logit_softcapping", "final_logit_softcapping"] {
            if let Some(cap) = float(name) {
                file.float(&key(name), cap);
            }
        }
        self.write_scaling(file, &prefix);
        Ok(())
    }

    fn write_scaling(&self, file: &mut Gguf, prefix: &str) {
        let scaling = &self.config["rope_scaling"];
        let kind = scaling["rope_type"].as_str().or(scaling["type"].as_str());
        let factor = scaling["factor"].as_f64().map(|value| value as f32);
        let original = scaling["original_max_position_embeddings"]
            .as_u64()
            .or(self.config["original_max_position_embeddings"].as_u64());
        if let Some(factor) = factor {
            file.text(&format!("{prefix}.rope.scaling.type"), kind.unwrap_or("none"));
            file.float(&format!("{prefix}.rope.scaling.factor"), factor);
        }
        if let Some(original) = original {
            let key = format!("{prefix}.rope.scaling.original_context_length");
            file.number(&key, original as u32);
        }
        for (name, tensor) in [
            ("short_factor", "rope_factors_short.weight"),
            ("long_factor", "rope_factors_long.weight"),
        ] {
            if let Some(factors) = scaling[name].as_array() {
                let values: Vec<f32> =
                    factors.iter().filter_map(Value::as_f64).map(|value| value as f32).collect();
                file.add(tensor, &[values.len()], &values);
            }
        }
    }
}

/// Rows of heads whose halves were pairs, as rows whose neighbours are.
fn permuted(values: &[f32], head_dim: usize, cols: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = values.chunks_exact(cols).collect();
    let heads = rows.chunks_exact(head_dim).flat_map(|head| {
        let (first, second) = head.split_at(head_dim / 2);
        first.iter().zip(second).flat_map(|(a, b)| [*a, *b])
    });
    heads.flatten().copied().collect()
}

/// A GGUF file of version 3 on its way.
#[derive(Default)]
struct Gguf {
    keys: (u64, Vec<u8>),
    tensors: (u64, Vec<u8>),
    data: Vec<u8>,
}

impl Gguf {
    const ALIGNMENT: usize = 32;

    fn entry(&mut self, key: &str, kind: u32, value: &[u8]) {
        let (count, bytes) = &mut self.keys;
        *count += 1;
        bytes.extend(string(key));
        bytes.extend(kind.to_le_bytes());
        bytes.extend(value);
    }

    fn number(&mut self, key: &str, value: u32) {
        self.entry(key, 4, &value.to_le_bytes());
    }

    fn float(&mut self, key: &str, value: f32) {
        self.entry(key, 6, &value.to_le_bytes());
    }

    fn text(&mut self, key: &str, value: &str) {
        self.entry(key, 8, &string(value));
    }

    fn add(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let (count, bytes) = &mut self.tensors;
        *count += 1;
        bytes.extend(string(name));
        bytes.extend((shape.len() as u32).to_le_bytes());
        bytes.extend(shape.iter().rev().flat_map(|&axis| (axis as u64).to_le_bytes()));
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend((self.data.len() as u64).to_le_bytes());
        self.data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.data.resize(self.data.len().next_multiple_of(Self::ALIGNMENT), 0);
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(self.tensors.0.to_le_bytes());
        bytes.extend(self.keys.0.to_le_bytes());
        bytes.extend(&self.keys.1);
        bytes.extend(&self.tensors.1);
        bytes.resize(bytes.len().next_multiple_of(Self::ALIGNMENT), 0);
        bytes.extend(&self.data);
        bytes
    }
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}
