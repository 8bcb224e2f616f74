//! A checkpoint cut short: its first layers alone, and a head that shows the residual stream.

use std::io;
use std::path::Path;

use pricket::models::Safetensors;
use serde_json::{Map, Value, json};

use crate::{Scratch, tiny_model};

/// A copy of a tiny checkpoint whose logits are what its first `layers` layers leave in the
/// residual stream, normalised: every norm behind them multiplies with one, and the head's first
/// rows are those of the identity. Its vocabulary is at least as large as the stream is wide.
///
/// # Errors
/// The file system's; `InvalidData` where the checkpoint is not made so.
pub fn truncated(name: &str, layers: usize) -> io::Result<Scratch> {
    cut(name, layers, &|_| Instead::Nothing)
}

/// The same up to a layer with experts, which show who was chosen: each adds one number to the
/// residual stream, at its own place, and that number is the same for all of a token. Where they
/// are `silent`, they add nothing; nor do shared experts.
///
/// # Errors
/// As [`truncated`].
pub fn routed(name: &str, layer: usize, silent: bool) -> io::Result<Scratch> {
    let prefix = format!("model.layers.{layer}.");
    cut(name, layer + 1, &|tensor| {
        let Some(part) = tensor.strip_prefix(&prefix) else { return Instead::Nothing };
        match part.strip_prefix("mlp.experts.") {
            // What gates make of a row is what they make of any other.
            Some("gate_up_proj_bias") => return Instead::Numbers(|_, _| 1.0),
            // (experts, width, hidden)
            Some("down_proj") if !silent => {
                return Instead::Numbers(|at, shape| {
                    let (rows, cols) = (shape[1], shape[2]);
                    if at / (rows * cols) == at % cols { 0.05 } else { 0.0 }
                });
            }
            Some("gate_up_proj" | "down_proj" | "down_proj_bias") => return Instead::Row(None),
            _ => {}
        }
        let Some((before, behind)) = part.split_once(".experts.") else {
            let shared = part.contains("shared_expert") && part.contains("down_proj");
            return if shared { Instead::Row(None) } else { Instead::Nothing };
        };
        let Some((expert, matrix)) = behind.split_once('.') else { return Instead::Nothing };
        match matrix.trim_end_matches(".weight") {
            // Up is gate, so that what they make together is never below zero.
            "gate_proj" | "up_proj" => {
                Instead::Other(format!("{prefix}{before}.experts.0.gate_proj.weight"))
            }
            "w1" | "w3" => Instead::Other(format!("{prefix}{before}.experts.0.w1.weight")),
            _ => Instead::Row(expert.parse().ok().filter(|_| !silent)),
        }
    })
}

/// What stands in the place of a tensor.
enum Instead {
    /// Itself.
    Nothing,
    /// Another of its shape.
    Other(String),
    /// Zeros, and ones in this row.
    Row(Option<usize>),
    /// A number for each place of its shape.
    Numbers(fn(usize, &[usize]) -> f32),
}

fn cut(name: &str, layers: usize, instead: &dyn Fn(&str) -> Instead) -> io::Result<Scratch> {
    let scratch = Scratch::of_tiny_model(name, None)?;
    let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{name}: {why}"));
    let config_path = scratch.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&config_path)?)?;
    let size = |field: &str| config[field].as_u64().ok_or_else(|| wrong(field));
    let (vocab, hidden) = (size("vocab_size")? as usize, size("hidden_size")? as usize);
    // A Gemma's norms hold the difference to one.
    let gemma = config["model_type"].as_str().is_some_and(|family| family.starts_with("gemma"));
    config["num_hidden_layers"] = json!(layers);
    config["tie_word_embeddings"] = json!(false);
    config["final_logit_softcapping"] = Value::Null;
    for per_layer in ["layer_types", "no_rope_layers"] {
        if let Some(list) = config[per_layer].as_array_mut() {
            list.truncate(layers);
        } else if let Some(config) = config.as_object_mut() {
            config.remove(per_layer);
        }
    }
    std::fs::write(&config_path, config.to_string())?;

    let weights = Safetensors::open(&tiny_model(name)).map_err(io::Error::other)?;
    let files = weights.paths().map(std::fs::read).collect::<io::Result<Vec<_>>>()?;
    let mut file = File::default();
    for tensor in weights.tensors() {
        let tensor_name = &*tensor.name;
        let layer = tensor_name.strip_prefix("model.layers.").and_then(|r| r.split('.').next());
        let is_behind =
            layer.is_some_and(|layer| layer.parse().is_ok_and(|at: usize| at >= layers));
        if is_behind || ["model.norm.weight", "lm_head.weight"].contains(&tensor_name) {
            continue;
        }
        let from = match instead(tensor_name) {
            Instead::Nothing => tensor,
            Instead::Other(other) => weights.tensor(&other).ok_or_else(|| wrong(&other))?,
            Instead::Numbers(number) => {
                let values = (0..tensor.elements() as usize).map(|at| number(at, &tensor.shape));
                let values: Vec<f32> = values.collect();
                file.add_floats(tensor_name, &tensor.shape, &values);
                continue;
            }
            Instead::Row(row) => {
                let cols = tensor.shape.last().copied().unwrap_or(1);
                let value = |at: usize| f32::from(u8::from(Some(at / cols) == row));
                let values: Vec<f32> = (0..tensor.elements() as usize).map(value).collect();
                file.add_floats(tensor_name, &tensor.shape, &values);
                continue;
            }
        };
        let start = from.offset as usize;
        let bytes = files.get(from.shard).and_then(|f| f.get(start..start + from.bytes as usize));
        let bytes = bytes.ok_or_else(|| wrong(tensor_name))?;
        file.add(tensor_name, &json!(from.dtype), &json!(from.shape), bytes);
    }
    let norm = vec![if gemma { 0.0_f32 } else { 1.0 }; hidden];
    file.add_floats("model.norm.weight", &[hidden], &norm);
    let identity = |at: usize| f32::from(u8::from(at / hidden == at % hidden));
    let head: Vec<f32> = (0..vocab * hidden).map(identity).collect();
    file.add_floats("lm_head.weight", &[vocab, hidden], &head);
    file.write(&scratch.path().join("model.safetensors"))?;
    Ok(scratch)
}

/// A safetensors file on its way.
#[derive(Default)]
pub(crate) struct File {
    header: Map<String, Value>,
    data: Vec<u8>,
}

impl File {
    pub(crate) fn add(&mut self, name: &str, dtype: &Value, shape: &Value, bytes: &[u8]) {
        let start = self.data.len();
        self.data.extend_from_slice(bytes);
        let offsets = [start, self.data.len()];
        let told = json!({"dtype": dtype, "shape": shape, "data_offsets": offsets});
        self.header.insert(name.to_owned(), told);
    }

    pub(crate) fn add_floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add(name, &json!("F32"), &json!(shape), &bytes);
    }

    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let header = Value::Object(self.header.clone()).to_string();
        let len = (header.len() as u64).to_le_bytes();
        std::fs::write(path, [&len[..], header.as_bytes(), &self.data].concat())
    }
}
