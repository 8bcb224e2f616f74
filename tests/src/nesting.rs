//! A checkpoint of a decoder as makers publish it with what sees pictures around it.

use std::io;

use pricket::models::Safetensors;
use serde_json::{Value, json};

use crate::truncation::File;
use crate::{Scratch, tiny_model};

/// A copy of a tiny Kimi-K2 in the form of Kimi-K2.5: its config within another, its tensors behind
/// a prefix, and tensors beside them that a decoder of text has no use for.
///
/// # Errors
/// The file system's.
pub fn nested(name: &str) -> io::Result<Scratch> {
    let scratch = Scratch::of_tiny_model(name, None)?;
    let config_path = scratch.path().join("config.json");
    let text: Value = serde_json::from_slice(&std::fs::read(&config_path)?)?;
    let config = json!({
        "architectures": ["KimiK25ForConditionalGeneration"],
        "model_type": "kimi_k25",
        "bos_token_id": text["bos_token_id"],
        "eos_token_id": text["eos_token_id"],
        "media_placeholder_token_id": 5,
        "text_config": text,
        "vision_config": {"hidden_size": 8, "num_hidden_layers": 1},
    });
    std::fs::write(config_path, config.to_string())?;
    let weights = Safetensors::open(&tiny_model(name)).map_err(io::Error::other)?;
    let files = weights.paths().map(std::fs::read).collect::<io::Result<Vec<_>>>()?;
    let mut file = File::default();
    for tensor in weights.tensors() {
        let start = tensor.offset as usize;
        let bytes =
            files.get(tensor.shard).and_then(|f| f.get(start..start + tensor.bytes as usize));
        let bytes = bytes.ok_or(io::ErrorKind::InvalidData)?;
        let name = format!("language_model.{}", tensor.name);
        file.add(&name, &json!(tensor.dtype), &json!(tensor.shape), bytes);
    }
    for name in ["vision_tower.patch_embed.proj.weight", "mm_projector.proj.0.weight"] {
        file.add_floats(name, &[2, 3, 1, 1], &[0.0; 6]);
    }
    file.write(&scratch.path().join("model.safetensors"))?;
    Ok(scratch)
}
