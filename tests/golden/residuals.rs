//! What each layer leaves in the residual stream: a layer that is wrong is found by its number.

use pricket::models::KvFormat;
use pricket_tests::{Pieces, Reference, largest_difference, tiny_model, truncated};

use crate::tiny::{TINY, TOLERANCE};
use crate::variant::Variant;

/// Divides a row by the root of its mean square.
fn normalised(row: &[f32], eps: f32) -> Vec<f32> {
    let mean = row.iter().map(|v| v * v).sum::<f32>() / row.len() as f32;
    row.iter().map(|v| v / (mean + eps).sqrt()).collect()
}

/// The last layer's is not recorded: its logits are, and `tiny` holds them.
#[test]
fn every_layer_leaves_what_the_reference_says() {
    for &name in TINY {
        let variants = Variant::two();
        assert!(variants.iter().all(|variant| variant.kv == KvFormat::F32));
        let path = tiny_model(name);
        let config = std::fs::read(path.join("config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
        let eps = config["rms_norm_eps"].as_f64().unwrap() as f32;
        let case = &Reference::of(&path).unwrap().cases[1];
        let layers = case.hidden_last_pos.len() - 1;
        assert_eq!(layers as u64, config["num_hidden_layers"].as_u64().unwrap());
        for layer in 1..layers {
            let expected = normalised(&case.hidden_last_pos[layer], eps);
            let cut = truncated(name, layer).unwrap();
            for variant in variants {
                let mut pass = variant.open(cut.path(), case.input_ids.len());
                let rows = pass.prompt(&case.input_ids, Pieces::Whole).unwrap();
                let found = &rows.last().unwrap()[..expected.len()];
                let off = largest_difference(found, &expected);
                assert!(off <= TOLERANCE, "{name} after {layer} layers is off by {off}");
                assert!(expected.iter().any(|value| value.abs() > 0.5), "{name}: nothing to see");
            }
        }
    }
}
