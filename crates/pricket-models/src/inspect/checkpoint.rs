//! What a folder with `config.json` and weights is.

use std::path::Path;

use pricket_simd::ActKind;

use super::{Histogram, Inspection, cached_numbers, kv_bytes_per_token, total};
use crate::checkpoint::Checkpoint;
use crate::config::{ConfigHead, find_template};
use crate::{ModelError, arch, encoder};

pub(super) const CONFIG: &str = "config.json";

/// What is in the name of the matrix whose kind of activations decides how keys and values are
/// kept.
const QUERIES: [&str; 3] =
    ["layers.0.self_attn.q_proj", "layers.0.self_attn.qkv_proj", "layers.0.self_attn.q_b_proj"];

/// The files that may hold a tokenizer, first those that `open` looks for, in its order.
const TOKENIZERS: [&str; 3] = ["tiktoken.model", "tokenizer.json", "tokenizer.model"];

/// Inspects the weights at `weights` by the config in `folder`.
pub(super) fn inspect(folder: &Path, weights: &Path) -> Result<Inspection, ModelError> {
    let files = Checkpoint::at(weights)?;
    let path = folder.join(CONFIG);
    let config = ConfigHead::read(&path)?;
    let architecture = config
        .model_type
        .clone()
        .ok_or_else(|| ModelError::Config { path, why: "`model_type` is missing".to_owned() })?;
    let mut histogram = Histogram::default();
    for stored in files.stored() {
        histogram.add(stored.name, stored.elements, stored.bytes, stored.is_readable);
    }
    let tensor_types = histogram.sorted();
    let heads = config.num_attention_heads;
    let kv_heads = config.num_key_value_heads.or(heads);
    let head_dim = config.head_dim.or_else(|| config.hidden_size?.checked_div(heads?));
    let layers = config.num_hidden_layers;
    let context_length = config.max_position_embeddings;
    // The first layer's queries decide, as when the model is opened.
    let source = files.source();
    let of_floats = source
        .names()
        .find(|name| QUERIES.iter().any(|queries| name.contains(queries)))
        .and_then(|name| source.info(name).ok())
        .is_none_or(|queries| queries.format.activation_kind() == ActKind::F32);
    let encodes = encoder::runs(&architecture) || encoder::embeds(folder);
    let latent = config.kv_lora_rank.map(|rank| (rank, config.qk_rope_head_dim));
    let cached = cached_numbers(kv_heads, head_dim, latent).filter(|_| !encodes);
    Ok(Inspection {
        path: weights.display().to_string(),
        format: files.format(),
        format_version: None,
        files: files.files() as u64,
        file_bytes: files.file_bytes(),
        architecture_supported: encodes || arch::check(&architecture, config.class()).is_ok(),
        architecture,
        name: config.name.filter(|name| !name.is_empty()),
        parameters: total(&tensor_types, |entry| entry.parameters),
        quantization: tensor_types.first().map_or_else(String::new, |entry| entry.name.clone()),
        weight_bytes: total(&tensor_types, |entry| entry.bytes),
        tensor_types,
        context_length,
        vocab_size: config.vocab_size,
        layers,
        hidden_size: config.hidden_size,
        heads,
        kv_heads,
        head_dim,
        tokenizer: TOKENIZERS
            .iter()
            .find(|name| folder.join(name).exists())
            .map(|name| (*name).to_owned()),
        has_chat_template: find_template(folder)?.is_some(),
        kv_bytes_per_token: kv_bytes_per_token(layers, cached, of_floats),
        packed_bytes: None,
        buffer_bytes: None,
        expert_bytes: None,
        expert_room_bytes: None,
        memory_bytes_full_context: None,
        missing_tensors: Vec::new(),
        unused_tensors: Vec::new(),
    })
}
