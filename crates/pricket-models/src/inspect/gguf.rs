//! What a GGUF file is.

use std::path::Path;

use pricket_simd::ActKind;

use super::{Histogram, Inspection, ModelFormat, cached_numbers, kv_bytes_per_token, total};
use crate::gguf::{GgufFile, Strings};
use crate::{ModelError, arch, encoder};

/// The matrix whose kind of activations decides how keys and values are kept: queries, or what
/// they are fused with.
const QUERIES: [&str; 3] =
    ["blk.0.attn_q.weight", "blk.0.attn_qkv.weight", "blk.0.attn_q_b.weight"];

pub(super) fn inspect(path: &Path) -> Result<Inspection, ModelError> {
    let file = GgufFile::open(path)?;
    let metadata = file.metadata();
    let architecture = file.architecture()?.to_owned();
    // Some architectures give a list per layer where others give a number; a list tells nothing
    // here.
    let number = |key: &str| {
        let value = metadata.get(&format!("{architecture}.{key}"))?;
        value.as_integer().and_then(|number| u64::try_from(number).ok())
    };
    let mut histogram = Histogram::default();
    for tensor in file.tensors() {
        let supported = tensor.ggml_type.format().is_some();
        histogram.add(tensor.ggml_type.name(), tensor.elements(), tensor.bytes, supported);
    }
    let tensor_types = histogram.sorted();
    let heads = number("attention.head_count");
    let hidden_size = number("embedding_length");
    let kv_heads = number("attention.head_count_kv").or(heads);
    let head_dim = number("attention.key_length").or_else(|| hidden_size?.checked_div(heads?));
    let layers = number("block_count");
    let context_length = number("context_length");
    // The first layer's queries decide, as when the model is opened.
    let queries = file.tensors().iter().find(|tensor| QUERIES.contains(&&*tensor.name));
    let of_floats = queries
        .and_then(|tensor| tensor.ggml_type.format())
        .is_some_and(|format| format.activation_kind() == ActKind::F32);
    let encodes = encoder::runs_gguf(&architecture);
    let latent =
        number("attention.kv_lora_rank").map(|rank| (rank, number("rope.dimension_count")));
    let cached = cached_numbers(kv_heads, head_dim, latent).filter(|_| !encodes);
    let tokens = metadata.find::<&Strings>("tokenizer.ggml.tokens")?;
    Ok(Inspection {
        path: path.display().to_string(),
        format: ModelFormat::Gguf,
        format_version: Some(file.version()),
        files: file.paths().count() as u64,
        file_bytes: file.file_bytes(),
        name: metadata.find::<&str>("general.name")?.map(str::to_owned),
        parameters: total(&tensor_types, |entry| entry.parameters),
        quantization: tensor_types.first().map_or_else(String::new, |entry| entry.name.clone()),
        weight_bytes: total(&tensor_types, |entry| entry.bytes),
        tensor_types,
        context_length,
        vocab_size: tokens.map(|list| list.len() as u64).or_else(|| number("vocab_size")),
        layers,
        hidden_size,
        heads,
        kv_heads,
        head_dim,
        tokenizer: metadata.find::<&str>("tokenizer.ggml.model")?.map(str::to_owned),
        has_chat_template: metadata.find::<&str>("tokenizer.chat_template")?.is_some(),
        kv_bytes_per_token: kv_bytes_per_token(layers, cached, of_floats),
        packed_bytes: None,
        buffer_bytes: None,
        expert_bytes: None,
        expert_room_bytes: None,
        memory_bytes_full_context: None,
        missing_tensors: Vec::new(),
        unused_tensors: Vec::new(),
        architecture_supported: encodes || arch::runs_gguf(&architecture),
        architecture,
    })
}
