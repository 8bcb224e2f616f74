//! A synthetic model is a model: it loads, runs, and is as large as it says.

use std::path::Path;

use pricket::models::{Batch, KvFormat, Logits, LogitsWanted, OpenOptions, open};
use pricket::simd::{Kernels, Level};
use pricket_benches::Synthetic;
use pricket_benches::peers::Work;

#[test]
fn a_synthetic_model_loads_and_gives_finite_logits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let mut shape = Synthetic::SMALL;
    (shape.hidden, shape.ffn, shape.layers, shape.vocab) = (256, 512, 2, 300);
    shape.write(&path).unwrap();
    let mut model = open(&path, &OpenOptions::default(), &mut |_| ()).unwrap().model;
    assert_eq!((model.spec().layers, model.spec().vocab_size), (2, 300));
    let mut cache = model.new_cache(1, 8).unwrap();
    let sequence = cache.open_sequence().unwrap();
    let (mut batch, mut logits) = (Batch::default(), Logits::default());
    batch.push(sequence, 0, &[1, 2, 3, 299], LogitsWanted::Last);
    model.forward(&batch, &mut cache, &mut logits).unwrap();
    let row = logits.row(0);
    assert!(row.iter().all(|logit| logit.is_finite()), "{row:?}");
    assert!(row.iter().any(|&logit| (logit - row[0]).abs() > 0.01), "they are all the same");

    // Queries, keys, values and the output; the three matrices of the feed-forward.
    let weights = 2 * (2 * 256 * 256 + 2 * 64 * 256 + 3 * 256 * 512);
    let want = f64::from(weights) * 2.0;
    assert_eq!(shape.operations_per_token().to_bits(), want.to_bits());
    // The file's own account counts the vectors of the norms among the weights.
    let work = Work::of(&path).unwrap();
    assert!((work.prefill_operations / want - 1.0).abs() < 0.01, "{work:?}");
}

/// The logits of every token of a prompt, given in pieces of `size` tokens.
fn prompt(path: &Path, options: &OpenOptions, size: usize) -> Vec<f32> {
    let mut model = open(path, options, &mut |_| ()).unwrap().model;
    let ids: Vec<u32> = (0..150).map(|at| at * 7 % 300).collect();
    let mut cache = model.new_cache(1, ids.len()).unwrap();
    let sequence = cache.open_sequence().unwrap();
    let (mut batch, mut logits, mut all) = (Batch::default(), Logits::default(), Vec::new());
    for (index, piece) in ids.chunks(size).enumerate() {
        batch.clear();
        batch.push(sequence, index * size, piece, LogitsWanted::All);
        model.forward(&batch, &mut cache, &mut logits).unwrap();
        all.extend((0..piece.len()).flat_map(|row| logits.row(row).to_vec()));
    }
    all
}

/// Heads of 128, which are written to a cache of halves in two rounds, over quantised weights, past
/// a chunk of attention: halves and eight bits differ from singles by their rounding and no more,
/// and neither the level nor the threads nor the pieces change a bit.
#[test]
fn wide_heads_of_quantised_weights_give_the_same_bits_every_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let mut shape = Synthetic::SMALL;
    (shape.hidden, shape.ffn, shape.layers, shape.vocab) = (256, 512, 2, 300);
    (shape.heads, shape.kv_heads) = (2, 1);
    shape.write(&path).unwrap();
    let mut rows = Vec::new();
    for kv in [KvFormat::F32, KvFormat::F16, KvFormat::Q8] {
        let way = |level: Level, threads: usize| {
            let mut options = OpenOptions { threads: Some(threads), ..OpenOptions::default() };
            (options.level, options.kv) = (Some(level), kv);
            options
        };
        let whole = prompt(&path, &way(Level::Scalar, 1), 150);
        for level in Kernels::available().map(Kernels::level) {
            for (threads, size) in [(1, 40), (2, 150), (2, 1), (3, 40)] {
                let other = prompt(&path, &way(level, threads), size);
                assert!(other == whole, "{kv:?} {level} {threads} threads, pieces of {size}");
            }
        }
        rows.push(whole);
    }
    let furthest =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let (off, off_of_bytes) = (furthest(&rows[0], &rows[1]), furthest(&rows[0], &rows[2]));
    let largest = furthest(&rows[0], &vec![0.0; rows[0].len()]);
    assert!(rows.iter().flatten().all(|logit| logit.is_finite()));
    assert!(off > 0.0 && off < 0.02 * largest, "off by {off} of {largest}");
    assert!(off_of_bytes > off && off_of_bytes < 0.1 * largest, "{off_of_bytes} of {largest}");
}
