//! Floats that become blocks while they are loaded.

use std::fs;
use std::path::Path;

use pricket_models::{Backend, Batch, Logits, LogitsWanted, OpenOptions, Quantization, open};
use serde_json::{Map, Value, json};

use crate::fixtures::committed;

/// The model's name of its weights, its bytes for each, and the logits of a few tokens.
fn run(model: &str, backend: Backend, quantize: Quantization) -> (String, f64, Vec<f32>) {
    run_at(&committed("models").join(model), backend, quantize)
}

fn run_at(path: &Path, backend: Backend, quantize: Quantization) -> (String, f64, Vec<f32>) {
    let options = OpenOptions { backend, quantize, threads: Some(2), ..OpenOptions::default() };
    let mut model = open(path, &options, &mut |_| ()).unwrap().model;
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
            // Their rows are no multiple of 256.
            (Quantization::Q4K, "Q5_0", 1.4, 0.01..0.5, 0.01..0.5),
        ] {
            let (quantised, bytes, logits) = run(model, Backend::Cpu, what);
            let (_, _, floats) = run(model, Backend::CandleF32, what);
            let (ours, theirs) = (error(&logits, &exact), error(&floats, &exact));
            eprintln!(
                "{model} {name}: {bytes:.3} bytes a weight, rms error {theirs:.4}, {ours:.4}"
            );
            // A model is named by what takes most bytes, and rows that are no whole blocks stay
            // floats: of the tied one that is more than all blocks of few bits.
            let floats = model == "tiny-llama-tied" && name != "Q8_0";
            let expected = if floats { "F32" } else { name };
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
    assert_eq!(names, ["none", "q8_0", "q4_0", "q4_k"]);
    assert_eq!(Quantization::default(), Quantization::None);
}

/// A Llama of two layers whose rows are multiples of 256, weights drawn from a seed.
fn wide_model(folder: &Path) {
    const HIDDEN: usize = 256;
    let config = json!({"model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": 512,
        "num_hidden_layers": 2, "num_attention_heads": 8, "num_key_value_heads": 4,
        "vocab_size": 320, "max_position_embeddings": 64, "rms_norm_eps": 1e-5});
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let mut tensors = vec![
        ("model.embed_tokens.weight".to_owned(), [320, HIDDEN]),
        ("lm_head.weight".to_owned(), [320, HIDDEN]),
        ("model.norm.weight".to_owned(), [1, HIDDEN]),
    ];
    for layer in 0..2 {
        for (part, shape) in [
            ("input_layernorm", [1, HIDDEN]),
            ("post_attention_layernorm", [1, HIDDEN]),
            ("self_attn.q_proj", [HIDDEN, HIDDEN]),
            ("self_attn.k_proj", [HIDDEN / 2, HIDDEN]),
            ("self_attn.v_proj", [HIDDEN / 2, HIDDEN]),
            ("self_attn.o_proj", [HIDDEN, HIDDEN]),
            ("mlp.gate_proj", [512, HIDDEN]),
            ("mlp.up_proj", [512, HIDDEN]),
            ("mlp.down_proj", [HIDDEN, 512]),
        ] {
            tensors.push((format!("model.layers.{layer}.{part}.weight"), shape));
        }
    }
    let (mut header, mut data) = (Map::new(), Vec::new());
    let mut state = 1_u64;
    for (name, [rows, cols]) in tensors {
        let start = data.len();
        for _ in 0..rows * cols {
            let mut even = || {
                // Knuth's multiplier; the upper bits are as good as random.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) as f32 / 8_388_608.0 - 1.0
            };
            // Roughly normal, as weights are.
            let bell: f32 = (0..4).map(|_| even()).sum();
            let value = if rows == 1 { 1.0 } else { bell / (cols as f32).sqrt() };
            data.extend(value.to_le_bytes());
        }
        let shape = if rows == 1 { vec![cols] } else { vec![rows, cols] };
        header.insert(
            name,
            json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}),
        );
    }
    let header = Value::Object(header).to_string();
    let len = (header.len() as u64).to_le_bytes();
    let file = [&len[..], header.as_bytes(), &data].concat();
    fs::write(folder.join("model.safetensors"), file).unwrap();
}

/// Nibbles whose scales were looked for are nearer than plain ones, at the same size.
#[test]
fn blocks_of_256_lose_less_than_blocks_of_32() {
    let folder = tempfile::tempdir().unwrap();
    wide_model(folder.path());
    let (_, _, exact) = run_at(folder.path(), Backend::Cpu, Quantization::None);
    let lost = [(Quantization::Q4_0, "Q4_0"), (Quantization::Q4K, "Q4_K")].map(|(what, name)| {
        let (quantised, bytes, ours) = run_at(folder.path(), Backend::Cpu, what);
        let (_, _, floats) = run_at(folder.path(), Backend::CandleF32, what);
        assert_eq!(quantised, name);
        // 4.5 bits, and norms of floats.
        assert!((0.56..0.58).contains(&bytes), "{name}: {bytes} bytes a weight");
        let (weights, activations) = (error(&floats, &exact), error(&ours, &floats));
        eprintln!("{name}: weights lose {weights:.4}, activations {activations:.4}");
        assert!(activations < 0.02, "{name}: the kernels differ by {activations}");
        weights
    });
    assert!(lost[1] < 0.95 * lost[0], "{lost:?}");
}
