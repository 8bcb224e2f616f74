//! The tiny checkpoints: every logit that the reference records, and its greedy continuation.

use pricket::models::KvFormat;
use pricket_tests::{Pieces, Reference, largest_difference, most_likely, tiny_model};

use crate::variant::{KV, Variant};

/// Float32 against float32: summing in another order moves these logits by at most 3e-5; a wrong
/// epsilon in a norm already moves them by more than 1e-4.
const TOLERANCE: f32 = 1e-4;

/// With keys and values rounded to halves, eleven bits each: logits, which reach 9.6, were moved by
/// 0.012 at most when the bound was set. A value in a wrong place moves them by whole numbers.
const TOLERANCE_OF_HALVES: f32 = 0.02;

const PIECES: [Pieces; 4] = [Pieces::Whole, Pieces::Of(16), Pieces::Of(7), Pieces::Of(1)];

fn agrees(name: &str) {
    let path = tiny_model(name);
    let reference = Reference::of(&path).unwrap();
    assert!(!reference.cases.is_empty());
    for variant in Variant::all() {
        let tolerance = if variant.kv == KvFormat::F16 { TOLERANCE_OF_HALVES } else { TOLERANCE };
        let mut pass = variant.open(&path, 256);
        let mut worst = 0.0_f32;
        for pieces in PIECES {
            for case in &reference.cases {
                let rows = pass.prompt(&case.input_ids, pieces).unwrap();
                assert_eq!(rows.len(), case.input_ids.len());
                let mut off = largest_difference(rows.last().unwrap(), &case.last_logits);
                for (row, (ids, logits)) in
                    rows.iter().zip(case.top10_ids.iter().zip(&case.top10_logits))
                {
                    let ours: Vec<f32> = ids.iter().map(|&id| row[id as usize]).collect();
                    off = off.max(largest_difference(&ours, logits));
                    assert_eq!(most_likely(row), ids[0], "{name} {variant:?} {pieces:?}");
                }
                assert!(
                    off <= tolerance,
                    "{name} {} is off by {off} as {variant:?}, {pieces:?}",
                    case.name
                );
                worst = worst.max(off);
            }
            let greedy = &reference.greedy;
            let ids = pass.greedy(&greedy.prompt_ids, greedy.new_ids.len(), pieces).unwrap();
            assert_eq!(ids, greedy.new_ids, "{name} as {variant:?}, {pieces:?}");
        }
        eprintln!("{name} as {variant:?}: off by {worst:e} at most");
    }
}

#[test]
fn tiny_llama_agrees() {
    agrees("tiny-llama");
}

#[test]
fn tiny_llama_with_a_tied_head_agrees() {
    agrees("tiny-llama-tied");
}

#[test]
fn tiny_llama_with_scaled_rope_agrees() {
    agrees("tiny-llama3-rope");
}

/// Both layouts of config.json that transformers writes describe the same model.
#[test]
fn the_newer_config_layout_gives_the_same_logits() {
    for name in ["tiny-llama", "tiny-llama-tied", "tiny-llama3-rope"] {
        let scratch = pricket_tests::Scratch::of_tiny_model(name, None).unwrap();
        let newer = scratch.path().join("config.v5.json");
        std::fs::copy(newer, scratch.path().join("config.json")).unwrap();
        let reference = Reference::of(scratch.path()).unwrap();
        let variant = Variant::all()[0];
        let case = &reference.cases[0];
        let rows = variant.open(scratch.path(), 64).prompt(&case.input_ids, Pieces::Whole).unwrap();
        let off = largest_difference(rows.last().unwrap(), &case.last_logits);
        assert!(off <= TOLERANCE, "{name} is off by {off}");
    }
}

/// The answer depends neither on the instruction set, nor on how many threads share the work, nor
/// on how a prompt is cut: not by a single bit.
#[test]
fn levels_threads_and_pieces_change_no_bit() {
    let path = tiny_model("tiny-llama");
    let ids = &Reference::of(&path).unwrap().cases[1].input_ids;
    for kv in KV {
        let ours = Variant::ours(kv, &[1, 2]);
        let whole = ours[0].open(&path, 256).prompt(ids, Pieces::Whole).unwrap();
        for variant in ours {
            for pieces in PIECES {
                let rows = variant.open(&path, 256).prompt(ids, pieces).unwrap();
                assert!(rows == whole, "{variant:?} with {pieces:?} differs");
            }
        }
    }
}
