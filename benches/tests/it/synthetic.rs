//! A synthetic model is a model: it loads, runs, and is as large as it says.

use pricket::models::{Batch, Logits, LogitsWanted, OpenOptions, open};
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
