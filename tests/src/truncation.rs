//! A checkpoint cut short: its first layers alone, and a head that shows the residual stream.

use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::Scratch;

/// A copy of a tiny checkpoint whose logits are what its first `layers` layers leave in the
/// residual stream, normalised: every norm behind them multiplies with one, and the head's first
/// rows are those of the identity. Its vocabulary is at least as large as the stream is wide.
///
/// # Errors
/// The file system's; `InvalidData` where the checkpoint is not made so.
pub fn truncated(name: &str, layers: usize) -> io::Result<Scratch> {
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

    let weights_path = scratch.path().join("model.safetensors");
    let bytes = std::fs::read(&weights_path)?;
    let (len, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| wrong("no header"))?;
    let len = u64::from_le_bytes(*len) as usize;
    let (header, data) = rest.split_at_checked(len).ok_or_else(|| wrong("no weights"))?;
    let header: Map<String, Value> = serde_json::from_slice(header)?;
    let mut file = File::default();
    for (tensor, told) in &header {
        let layer = tensor.strip_prefix("model.layers.").and_then(|rest| rest.split('.').next());
        let is_behind =
            layer.is_some_and(|layer| layer.parse().is_ok_and(|at: usize| at >= layers));
        if is_behind || ["__metadata__", "model.norm.weight", "lm_head.weight"].contains(&&**tensor)
        {
            continue;
        }
        let end = |index: usize| told["data_offsets"][index].as_u64().map(|end| end as usize);
        let range = end(0).zip(end(1)).and_then(|(start, end)| data.get(start..end));
        file.add(tensor, &told["dtype"], &told["shape"], range.ok_or_else(|| wrong(tensor))?);
    }
    let norm = vec![if gemma { 0.0_f32 } else { 1.0 }; hidden];
    file.add_floats("model.norm.weight", &[hidden], &norm);
    let identity = |at: usize| f32::from(u8::from(at / hidden == at % hidden));
    let head: Vec<f32> = (0..vocab * hidden).map(identity).collect();
    file.add_floats("lm_head.weight", &[vocab, hidden], &head);
    file.write(&weights_path)?;
    Ok(scratch)
}

/// A safetensors file on its way.
#[derive(Default)]
struct File {
    header: Map<String, Value>,
    data: Vec<u8>,
}

impl File {
    fn add(&mut self, name: &str, dtype: &Value, shape: &Value, bytes: &[u8]) {
        let start = self.data.len();
        self.data.extend_from_slice(bytes);
        let offsets = [start, self.data.len()];
        let told = json!({"dtype": dtype, "shape": shape, "data_offsets": offsets});
        self.header.insert(name.to_owned(), told);
    }

    fn add_floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add(name, &json!("F32"), &json!(shape), &bytes);
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let header = Value::Object(self.header.clone()).to_string();
        let len = (header.len() as u64).to_le_bytes();
        std::fs::write(path, [&len[..], header.as_bytes(), &self.data].concat())
    }
}
