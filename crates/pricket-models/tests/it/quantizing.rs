//! Floats that become blocks while they are loaded.

use pricket_models::{Backend, Batch, Logits, LogitsWanted, OpenOptions, Quantization, open};

use crate::fixtures::committed;

/// The model's name of its weights, its bytes for each, and the logits of a few tokens.
fn run(model: &str, backend: Backend, quantize: Quantization) -> (String, f64, Vec<f32>) {
    let options = OpenOptions { backend, quantize, threads: Some(2), ..OpenOptions::default() };
    let mut model = open(&committed("models").join(model), &options, &mut |_| ()).unwrap().model;
    let mut cache = model.new_cache(1, 64).unwrap();
    let sequence = cache.open_sequence().unwrap();
    let (mut batch, mut logits) = (Batch::default(), Logits::default());
    batch.push(sequence, 0, &[5, 17, 300, 2, 99, 41], LogitsWanted::Last);
    model.forward(&batch, &mut cache, &mut logits).unwrap();
    let spec = model.spec();
    let bytes = spec.weight_bytes as f64 / spec.parameters as f64;
    (spec.quantization.clone(), bytes, logits.row(0).to_vec())
}

/// The root of the mean square of the differences, as a share of that of the values.
fn error(values: &[f32], exact: &[f32]) -> f64 {
    let squares = |of: &mut dyn Iterator<Item = f64>| of.map(|value| value * value).sum::<f64>();
    let pairs = || values.iter().zip(exact).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    (squares(&mut pairs().map(|(a, b)| a - b)) / squares(&mut pairs().map(|(_, b)| b))).sqrt()
}

/// By our kernels, which round activations too, and by candle over the blocks turned back into
/// floats, which does not. These weights are random, so errors grow from layer to layer as those of
/// a trained model do not; a step of `Q4_0` is 18 times one of `Q8_0`, and so is its error.
#[test]
fn quantised_while_loading_a_model_is_smaller_and_nearly_the_same() {
    for model in ["tiny-llama", "tiny-llama-tied", "tiny-llama3-rope"] {
        let (stored, _, exact) = run(model, Backend::Cpu, Quantization::None);
        assert!(["F32", "F16", "BF16"].contains(&stored.as_str()), "{model}: {stored}");
        for (what, name, size, weights, activations) in [
            (Quantization::Q8_0, "Q8_0", 1.7, 1e-4..0.1, 1e-4..0.1),
            (Quantization::Q4_0, "Q4_0", 1.2, 0.1..1.0, 0.1..1.0),
        ] {
            let (quantised, bytes, logits) = run(model, Backend::Cpu, what);
            let (_, _, floats) = run(model, Backend::CandleF32, what);
            let (ours, theirs) = (error(&logits, &exact), error(&floats, &exact));
            eprintln!(
                "{model} {name}: {bytes:.3} bytes a weight, rms error {theirs:.4}, {ours:.4}"
            );
            // A model is named by what takes most bytes, and rows that are no whole blocks stay
            // floats: of the tied one that is more than all nibbles.
            let expected = if (model, name) == ("tiny-llama-tied", "Q4_0") { "F32" } else { name };
            assert_eq!(quantised, expected, "{model}");
            // Groups of 16 rows and units of 64 columns: tiny matrices have some padding.
            assert!(bytes < size, "{model} {name}: {bytes} bytes a weight");
            assert!(weights.contains(&theirs), "{model} {name}: {theirs}");
            assert!(activations.contains(&ours), "{model} {name}: {ours}");
        }
    }
}

#[test]
fn names_are_those_of_the_formats() {
    let names = Quantization::ALL.map(Quantization::name);
    assert_eq!(names, ["none", "q8_0", "q4_0"]);
    assert_eq!(Quantization::default(), Quantization::None);
}
