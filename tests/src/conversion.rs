//! A tiny checkpoint as a GGUF file, all weights in floats: the same model by the other way in.
//!
//! What the format's converters do is done here again from its conventions: names and keys; rows of
//! queries and keys of a Llama permuted; a Gemma's norms with their 1 added, and its scale of
//! scores, where it is not that of a head's width, folded into the queries.

mod fused;
mod gguf;
mod latent;

use std::io;
use std::path::PathBuf;

use pricket::models::{Safetensors, TensorSource};
use pricket::simd::dequantize_row;
use serde_json::Value;

use crate::{Scratch, tiny_model};
use gguf::Gguf;
pub use latent::LatentForm;

/// Names of the format for those of checkpoints, layers' parts first.
const NAMES: &[(&str, &str)] = &[
    (".input_layernorm.", ".attn_norm."),
    (".self_attn.qkv_proj.", ".attn_qkv."),
    (".self_attn.q_proj.", ".attn_q."),
    (".self_attn.k_proj.", ".attn_k."),
    (".self_attn.v_proj.", ".attn_v."),
    (".self_attn.o_proj.", ".attn_output."),
    (".self_attn.sinks", ".attn_sinks.weight"),
    (".self_attn.q_norm.", ".attn_q_norm."),
    (".self_attn.k_norm.", ".attn_k_norm."),
    (".pre_feedforward_layernorm.", ".ffn_norm."),
    (".post_feedforward_layernorm.", ".post_ffw_norm."),
    (".post_self_attn_layernorm.", ".post_attention_norm."),
    (".post_mlp_layernorm.", ".post_ffw_norm."),
    (".post_attention_layernorm.", ".ffn_norm."),
    (".block_sparse_moe.", ".mlp."),
    (".w1.", ".gate_proj."),
    (".w2.", ".down_proj."),
    (".w3.", ".up_proj."),
    (".mlp.shared_expert.gate_proj.", ".ffn_gate_shexp."),
    (".mlp.shared_expert.up_proj.", ".ffn_up_shexp."),
    (".mlp.shared_expert.down_proj.", ".ffn_down_shexp."),
    (".mlp.shared_expert_gate.", ".ffn_gate_inp_shexp."),
    (".mlp.experts.gate_proj.", ".ffn_gate_exps."),
    (".mlp.experts.up_proj.", ".ffn_up_exps."),
    (".mlp.experts.down_proj.", ".ffn_down_exps."),
    (".mlp.gate.", ".ffn_gate_inp."),
    (".mlp.router.", ".ffn_gate_inp."),
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
    converted_as(name, LatentForm::Whole)
}

/// The same, what makes keys and values of latent attention in a form of two.
///
/// # Errors
/// As [`converted`].
pub fn converted_as(name: &str, form: LatentForm) -> io::Result<(Scratch, PathBuf)> {
    let folder = tiny_model(name);
    let config: Value = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
    let weights = Safetensors::open(&folder).map_err(io::Error::other)?;
    let mut file = Gguf::default();
    let source = Source { config: &config, weights: &weights, form };
    source.write_keys(&mut file)?;
    for tensor in weights.tensors() {
        if latent::is_behind(&config, &tensor.name) {
            continue;
        }
        if let Some(parts) = fused::parts(&tensor.name) {
            let (values, shape) = source.tensor(&tensor.name)?;
            for part in parts {
                let (values, shape) = part.cut(&values, &shape);
                file.add(&source.name(&part.name), &shape, &values);
            }
            continue;
        }
        let Some((before, (number, behind))) = expert(&tensor.name) else {
            let (values, shape) = source.tensor(&tensor.name)?;
            if form == LatentForm::Apart && tensor.name.contains("kv_b_proj") {
                latent::write_apart(&config, &source.name(&tensor.name), &values, &mut file)?;
                continue;
            }
            file.add(&source.name(&tensor.name), &shape, &values);
            continue;
        };
        // Those of all experts are one tensor, in the place of the first.
        if number != "0" {
            continue;
        }
        let (mut stack, mut axes) = (Vec::new(), vec![0]);
        while let name = format!("{before}.experts.{}.{behind}", axes[0])
            && weights.has(&name)
        {
            let (values, shape) = source.tensor(&name)?;
            stack.extend(values);
            axes.truncate(1);
            axes.extend(shape);
            axes[0] += 1;
        }
        file.add(&source.name(&format!("{before}.experts.{behind}")), &axes, &stack);
    }
    let scratch = Scratch::of_tiny_model(name, None)?;
    let path = scratch.path().join("model.gguf");
    std::fs::write(&path, file.bytes())?;
    Ok((scratch, path))
}

/// Of the name of an expert's tensor what stands before, the expert's number, and what stands
/// behind.
fn expert(name: &str) -> Option<(&str, (&str, &str))> {
    let (before, behind) = name.split_once(".experts.")?;
    Some((before, behind.split_once('.')?))
}

/// A checkpoint.
struct Source<'a> {
    config: &'a Value,
    weights: &'a Safetensors,
    form: LatentForm,
}

impl Source<'_> {
    fn family(&self) -> &str {
        self.config["model_type"].as_str().unwrap_or_default()
    }

    fn is_gemma(&self) -> bool {
        self.family().starts_with("gemma")
    }

    fn is_latent(family: &str) -> bool {
        latent::FAMILIES.contains(&family)
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
            "mistral" | "mixtral" => "llama",
            "qwen2_moe" => "qwen2moe",
            "qwen3_moe" => "qwen3moe",
            "gemma3_text" => "gemma3",
            "gpt_oss" => "gpt-oss",
            family if Self::is_latent(family) => "deepseek2",
            family => family,
        }
    }

    fn name(&self, name: &str) -> String {
        let mut name = name.to_owned();
        // Of a gpt-oss the format names it so, wherever it stands.
        if self.is_gemma() || self.family() == "gpt_oss" {
            // It stands behind attention here, and elsewhere before what follows.
            name = name.replace(".post_attention_layernorm.", ".post_attention_norm.");
        }
        for (from, to) in latent::NAMES.iter().chain(NAMES) {
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
        let permutes = ["llama", "mistral", "mixtral", "smollm3"].contains(&self.family());
        if permutes && (name.contains("q_proj") || name.contains("k_proj")) {
            let cols = info.shape.get(1).copied().unwrap_or(1);
            values = permuted(&values, head_dim, cols);
        }
        // One row is a vector there.
        let shape = if info.shape[0] == 1 { vec![values.len()] } else { info.shape };
        Ok((values, shape))
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
            ("context_length", "max_position_embeddings"),
        ] {
            file.number(&key(name), self.number(field)?);
        }
        let is_apart = prefix == "deepseek2" && self.form == LatentForm::Apart;
        let kv_heads = if is_apart { 1 } else { self.number("num_key_value_heads")? };
        file.number(&key("attention.head_count_kv"), kv_heads);
        for (name, fields) in [
            ("expert_count", ["num_experts", "num_local_experts"]),
            ("expert_used_count", ["num_experts_per_tok"; 2]),
            ("expert_feed_forward_length", ["moe_intermediate_size"; 2]),
            ("expert_shared_feed_forward_length", ["shared_expert_intermediate_size"; 2]),
        ] {
            if let Some(number) = fields.iter().find_map(|field| config[*field].as_u64()) {
                file.number(&key(name), number as u32);
            }
        }
        if prefix == "deepseek2" {
            latent::write_keys(config, self.form, file)?;
        } else {
            file.number(&key("attention.key_length"), self.head_dim()?);
            file.number(&key("attention.value_length"), self.head_dim()?);
        }
        file.float(&key("attention.layer_norm_rms_epsilon"), float("rms_norm_eps").unwrap_or(0.0));
        file.float(&key("rope.freq_base"), float("rope_theta").unwrap_or(10_000.0));
        if let Some(part) = float("partial_rotary_factor") {
            let dims = self.head_dim()? as f32 * part;
            file.number(&key("rope.dimension_count"), dims as u32);
        }
        if ["phi3", "gemma2", "gemma3", "gpt-oss"].contains(&&*prefix) {
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
        for beta in ["beta_fast", "beta_slow"] {
            let value = scaling[beta].as_f64().filter(|_| prefix == "gpt-oss");
            if let Some(value) = value {
                file.float(&format!("{prefix}.rope.scaling.yarn_{beta}"), value as f32);
            }
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
