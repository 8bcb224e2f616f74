//! A decode step of our own forward pass allocates nothing, on one thread and on two, however deep
//! its sequences are and however many join.
//!
//! A binary of its own, because it replaces the global allocator by one that counts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "other tests write stranger files")]
#[path = "it/gguf_writer.rs"]
mod gguf_writer;
#[allow(dead_code, reason = "other tests spoil the model")]
#[path = "hostile/runnable.rs"]
mod runnable;

use std::alloc::System;
use std::path::Path;

use pricket_models::{Batch, CausalLm, Logits, LogitsWanted, OpenOptions, open};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use gguf_writer::File;

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a count gives, or what it gives when it is taken once more: the test harness allocates, on
/// a thread of its own, when it tells that a test runs for a minute. What a step allocates itself
/// it allocates again.
fn steadily(count: impl Fn() -> usize) -> usize {
    match count() {
        0 => 0,
        _ => count(),
    }
}

/// Steps of one token for each of `sequences`, after a prompt of 40 tokens and one more step.
fn decode_allocations(path: &Path, threads: usize, sequences: usize, steps: usize) -> usize {
    let options = OpenOptions { threads: Some(threads), ..OpenOptions::default() };
    decode_allocations_of(path, &options, sequences, steps)
}

fn decode_allocations_of(
    path: &Path,
    options: &OpenOptions,
    sequences: usize,
    steps: usize,
) -> usize {
    let mut model = open(path, options, &mut |_| ()).unwrap().model;
    let vocab = model.spec().vocab_size;
    let token = |index: usize| (index * 13 % vocab) as u32;
    let mut cache = model.new_cache(sequences, 40 + 1 + steps).unwrap();
    let sequences: Vec<_> = (0..sequences).map(|_| cache.open_sequence().unwrap()).collect();
    let mut batch = Batch::with_capacity(64, sequences.len());
    let mut logits = Logits::with_capacity(sequences.len(), vocab);
    let prompt: Vec<u32> = (0..40).map(token).collect();
    for sequence in &sequences {
        batch.clear();
        batch.push(*sequence, 0, &prompt, LogitsWanted::Last);
        model.forward(&batch, &mut cache, &mut logits).unwrap();
    }
    let mut position = prompt.len();
    let mut step = |model: &mut dyn CausalLm| {
        batch.clear();
        for sequence in &sequences {
            batch.push(*sequence, position, &[token(position)], LogitsWanted::Last);
        }
        model.forward(&batch, &mut cache, &mut logits).unwrap();
        position += 1;
    };
    step(&mut *model);
    let region = Region::new(GLOBAL);
    for _ in 0..steps {
        step(&mut *model);
    }
    let change = region.change();
    change.allocations + change.reallocations
}

/// Steps of one token for one sequence, then for two, and so on to `sequences`, after a prompt of
/// one token each: the first time that so many tokens go through the pass.
fn joining_allocations(path: &Path, threads: usize, sequences: usize) -> usize {
    let options = OpenOptions { threads: Some(threads), ..OpenOptions::default() };
    let mut model = open(path, &options, &mut |_| ()).unwrap().model;
    let vocab = model.spec().vocab_size;
    let mut cache = model.new_cache(sequences, 2 + sequences).unwrap();
    let sequences: Vec<_> = (0..sequences).map(|_| cache.open_sequence().unwrap()).collect();
    let mut batch = Batch::with_capacity(sequences.len(), sequences.len());
    let mut logits = Logits::with_capacity(sequences.len(), vocab);
    for sequence in &sequences {
        batch.clear();
        batch.push(*sequence, 0, &[1], LogitsWanted::Last);
        model.forward(&batch, &mut cache, &mut logits).unwrap();
    }
    let region = Region::new(GLOBAL);
    for step in 0..sequences.len() {
        batch.clear();
        for (index, sequence) in sequences.iter().take(step + 1).enumerate() {
            batch.push(*sequence, 1 + step - index, &[2], LogitsWanted::Last);
        }
        model.forward(&batch, &mut cache, &mut logits).unwrap();
    }
    let change = region.change();
    change.allocations + change.reallocations
}

/// A model whose context is deep and whose every matrix is small, so that nothing but attention
/// asks for large buffers: 4 heads of 4, a feed-forward layer of 16, 8 tokens, 1,024 positions.
fn deep_and_narrow() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = r#"{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":16,
        "intermediate_size":16,"num_hidden_layers":2,"num_attention_heads":4,
        "num_key_value_heads":2,"vocab_size":8,"max_position_embeddings":1024,
        "rms_norm_eps":1e-5,"rope_theta":10000.0,"tie_word_embeddings":true}"#;
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    let mut tensors = vec![("model.embed_tokens.weight".into(), vec![8, 16])];
    for layer in 0..2 {
        let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
        tensors.extend([
            (name("input_layernorm"), vec![16]),
            (name("self_attn.q_proj"), vec![16, 16]),
            (name("self_attn.k_proj"), vec![8, 16]),
            (name("self_attn.v_proj"), vec![8, 16]),
            (name("self_attn.o_proj"), vec![16, 16]),
            (name("post_attention_layernorm"), vec![16]),
            (name("mlp.gate_proj"), vec![16, 16]),
            (name("mlp.up_proj"), vec![16, 16]),
            (name("mlp.down_proj"), vec![16, 16]),
        ]);
    }
    tensors.push(("model.norm.weight".into(), vec![16]));
    let (mut entries, mut data) = (Vec::new(), Vec::<u8>::new());
    for (name, shape) in tensors {
        let start = data.len();
        let count: usize = shape.iter().product();
        data.extend((0..count).flat_map(|at| ((at % 7) as f32 * 0.1 - 0.3).to_le_bytes()));
        let end = data.len();
        entries.push(format!(
            r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{end}]}}"#
        ));
    }
    let header = format!("{{{}}}", entries.join(","));
    let length = (header.len() as u64).to_le_bytes();
    let file = [&length[..], header.as_bytes(), &data].concat();
    std::fs::write(folder.path().join("model.safetensors"), file).unwrap();
    folder
}

/// A model whose every matrix is `Q8_0`, so that activations are laid out in blocks.
fn quantised() -> tempfile::TempDir {
    const Q8_0: u32 = 8;
    let file = File::llama().with(|file| {
        let mut end = 0;
        for tensor in &mut file.tensors {
            let values: u64 = tensor.axes.iter().product();
            tensor.offset = end;
            end += if tensor.axes.len() == 2 {
                tensor.kind = Q8_0;
                (values / 32 * 34).next_multiple_of(32)
            } else {
                4 * values
            };
        }
        file.data = vec![0; end as usize];
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.gguf"), file.bytes()).unwrap();
    folder
}

#[test]
fn a_decode_step_allocates_nothing() {
    // One test, so that no other thread of this process allocates beside it.
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models");
    // Of the second, every layer normalises heads and what it gives, and most have a window.
    let (tiny, windowed) = (models.join("tiny-llama"), models.join("tiny-gemma3"));
    // Half of its layers have experts and a shared one.
    let mixed = models.join("tiny-qwen2-moe");
    // One whose heads have sinks, and whose experts biases.
    let sinking = models.join("tiny-gpt-oss");
    // One whose queries come from a latent, and one whose do not.
    let (latent, plain) = (models.join("tiny-kimi-k2"), models.join("tiny-deepseek-v2"));
    let (deep, quantised) = (deep_and_narrow(), quantised());
    for threads in [1, 2] {
        for sequences in [1, 3] {
            for path in [&tiny, &windowed, &mixed, &sinking, &latent, &plain] {
                let count = steadily(|| decode_allocations(path, threads, sequences, 100));
                assert_eq!(count, 0, "{threads} threads, {sequences} sequences, {path:?}");
            }
            // With room for three experts of sixteen.
            let experts_memory = Some(3 * 2 * (2 * 48 * 64 + 64 * 40));
            let options =
                OpenOptions { threads: Some(threads), experts_memory, ..OpenOptions::default() };
            let count = decode_allocations_of(&mixed, &options, sequences, 100);
            assert_eq!(count, 0, "experts on disk, {threads} threads, {sequences} sequences");
            // Past the chunks of positions that attention is computed in.
            let count = steadily(|| decode_allocations(deep.path(), threads, sequences, 900));
            assert_eq!(count, 0, "a deep context, {threads} threads, {sequences} sequences");
        }
    }
    for threads in [1, 2, 5] {
        // Past the sixteen tokens of a kernel's tile, and, on two threads, past the 32 from which
        // on each thread takes a tile of its own.
        for sequences in [3, 40] {
            let tiny = [&tiny, &windowed, &mixed, &sinking, &latent, &plain]
                .map(std::path::PathBuf::as_path);
            for path in tiny.into_iter().chain([deep.path(), quantised.path()]) {
                let count = steadily(|| joining_allocations(path, threads, sequences));
                assert_eq!(count, 0, "{sequences} sequences join, {threads} threads, {path:?}");
            }
        }
    }
}
