//! Which experts each token takes, and with which weights: a router that is wrong is found by its
//! token.

use pricket::models::KvFormat;
use pricket_tests::{Choices, Pieces, Reference, routed, tiny_model};

use crate::variant::Variant;

/// The weights' sums are 1 here; what shows them is as exact as the logits.
const TOLERANCE: f32 = 1e-4;

/// What every token's experts added to the residual stream, as parts of the whole: one number for
/// each expert.
fn parts(silent: &[Vec<f32>], shown: &[Vec<f32>], hidden: usize, experts: usize) -> Vec<Vec<f32>> {
    let rows = silent.iter().zip(shown);
    let rows = rows.map(|(silent, shown)| {
        let (silent, shown) = (&silent[..hidden], &shown[..hidden]);
        // The norm divides by another root where more was added: what nobody added to tells which.
        let pairs = || silent[experts..].iter().zip(&shown[experts..]);
        let ratio =
            pairs().map(|(a, _)| a * a).sum::<f32>() / pairs().map(|(a, b)| a * b).sum::<f32>();
        let added = silent.iter().zip(shown).map(|(a, b)| b * ratio - a);
        let added: Vec<f32> = added.take(experts).collect();
        let sum: f32 = added.iter().sum();
        added.iter().map(|part| part / sum).collect()
    });
    rows.collect()
}

fn compare(parts: &[Vec<f32>], choices: &Choices, what: &str) {
    assert_eq!(parts.len(), choices.experts_sorted.len());
    let told = choices.experts_sorted.iter().zip(&choices.weights);
    for (token, (parts, (experts, weights))) in parts.iter().zip(told).enumerate() {
        let sum: f32 = weights.iter().sum();
        let mut expected = vec![0.0; parts.len()];
        for (&expert, weight) in experts.iter().zip(weights) {
            expected[expert] = weight / sum;
            assert!(weight / sum > 10.0 * TOLERANCE, "{what}: the weight could be none");
        }
        for (part, expected) in parts.iter().zip(&expected) {
            let off = (part - expected).abs();
            assert!(off < TOLERANCE, "{what}, token {token}: {parts:?}, not {expected:?}");
        }
    }
}

#[test]
fn every_token_takes_the_experts_that_the_reference_says() {
    for name in [
        "tiny-qwen3-moe",
        "tiny-qwen2-moe",
        "tiny-mixtral",
        "tiny-gpt-oss",
        "tiny-deepseek-v2",
        "tiny-deepseek-v3-groups",
        "tiny-moonlight",
        "tiny-kimi-k2",
    ] {
        let variants = Variant::two();
        assert!(variants.iter().all(|variant| variant.kv == KvFormat::F32));
        let path = tiny_model(name);
        let config = std::fs::read(path.join("config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
        let number = |field: &str| config[field].as_u64().map(|number| number as usize);
        let hidden = number("hidden_size").unwrap();
        let counts = ["num_experts", "num_local_experts", "n_routed_experts"];
        let experts = counts.into_iter().find_map(number).unwrap();
        let reference = Reference::of(&path).unwrap();
        assert!(!reference.routers.is_empty());
        let ids = &reference.cases[0].input_ids;
        for (router, choices) in &reference.routers {
            let layer = router.split('.').nth(2).unwrap().parse().unwrap();
            let checkpoints = [true, false].map(|silent| routed(name, layer, silent).unwrap());
            for variant in variants {
                let [silent, shown] = checkpoints.each_ref().map(|checkpoint| {
                    let mut pass = variant.open(checkpoint.path(), ids.len());
                    pass.prompt(ids, Pieces::Whole).unwrap()
                });
                let parts = parts(&silent, &shown, hidden, experts);
                compare(&parts, choices, &format!("{name}, {router}, {variant:?}"));
            }
        }
    }
}
