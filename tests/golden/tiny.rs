//! The tiny checkpoints: every logit that the reference records, and its greedy continuation.

use pricket::models::KvFormat;
use pricket_tests::{Case, Pieces, Reference, largest_difference, most_likely, tiny_model};

use crate::variant::{KV, Variant};

/// Float32 against float32: summing in another order moves these logits by at most 3e-5; a wrong
/// epsilon in a norm already moves them by more than 1e-4.
pub(crate) const TOLERANCE: f32 = 1e-4;

/// With keys and values rounded to halves, eleven bits each: logits, which reach 9.6, were moved by
/// 0.027 at most when the bound was set (SmolLM3). A value in a wrong place moves them by whole
/// numbers.
const TOLERANCE_OF_HALVES: f32 = 0.04;

/// Where the closest choice of experts is decided by less than halves move it: by 2e-4, of scores
/// up to 1 (`min_selection_gap` of its `reference.json`). Another expert is another answer.
const NARROW: &str = "tiny-kimi-k2";

pub(crate) const TINY: &[&str] = &[
    "tiny-llama",
    "tiny-llama-tied",
    "tiny-llama3-rope",
    "tiny-llama-yarn",
    "tiny-qwen2",
    "tiny-qwen3",
    "tiny-mistral",
    "tiny-smollm3",
    "tiny-phi3",
    "tiny-phi35",
    "tiny-gemma2",
    "tiny-gemma3",
    "tiny-gemma3-linear",
    "tiny-qwen3-moe",
    "tiny-qwen2-moe",
    "tiny-mixtral",
    "tiny-glm4",
    "tiny-gpt-oss",
    "tiny-deepseek-v2",
    "tiny-deepseek-v3-groups",
    "tiny-moonlight",
    "tiny-kimi-k2",
];

const PIECES: [Pieces; 4] = [Pieces::Whole, Pieces::Of(16), Pieces::Of(7), Pieces::Of(1)];

fn agrees(name: &str) {
    let path = tiny_model(name);
    let reference = Reference::of(&path).unwrap();
    assert!(!reference.cases.is_empty());
    for (index, variant) in Variant::all().into_iter().enumerate() {
        if name == NARROW && variant.kv == KvFormat::F16 {
            continue;
        }
        // Each cuts its prompts in two ways; together they cut them in all. That all ways give the
        // same bits is asked below, of fewer models.
        let cut = PIECES[1 + index % 3];
        let tolerance = if variant.kv == KvFormat::F16 { TOLERANCE_OF_HALVES } else { TOLERANCE };
        let mut worst = 0.0_f32;
        for case in &reference.cases {
            // No more room than the prompt takes: it may decide which frequencies a rope has.
            let mut pass = variant.open(&path, case.input_ids.len());
            for pieces in [Pieces::Whole, cut] {
                let rows = pass.prompt(&case.input_ids, pieces).unwrap();
                let what = format!("{name} {} as {variant:?}, {pieces:?}", case.name);
                let off = compare(case, &rows, tolerance, &what);
                assert!(off <= tolerance, "{what} is off by {off}");
                worst = worst.max(off);
            }
        }
        let greedy = &reference.greedy;
        let (prompt, new) = (&greedy.prompt_ids, greedy.new_ids.len());
        let mut pass = variant.open(&path, prompt.len() + new);
        let ids = pass.greedy(prompt, new, cut).unwrap();
        assert_eq!(ids, greedy.new_ids, "{name} as {variant:?}, {cut:?}");
        eprintln!("{name} as {variant:?}: off by {worst:e} at most");
    }
}

/// How far the logits of a prompt are from the recorded ones.
pub(crate) fn compare(case: &Case, rows: &[Vec<f32>], tolerance: f32, what: &str) -> f32 {
    assert_eq!(rows.len(), case.input_ids.len());
    let mut off = largest_difference(rows.last().unwrap(), &case.last_logits);
    for (row, (ids, logits)) in rows.iter().zip(case.top10_ids.iter().zip(&case.top10_logits)) {
        let ours: Vec<f32> = ids.iter().map(|&id| row[id as usize]).collect();
        off = off.max(largest_difference(&ours, logits));
        // Two that are closer than what may be off may change places.
        if logits[0] - logits[1] > 2.0 * tolerance {
            assert_eq!(most_likely(row), ids[0], "{what}");
        }
    }
    off
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

#[test]
fn tiny_qwen2_with_biases_agrees() {
    agrees("tiny-qwen2");
}

#[test]
fn tiny_qwen3_with_norms_of_heads_agrees() {
    agrees("tiny-qwen3");
}

#[test]
fn tiny_mistral_with_a_window_agrees() {
    agrees("tiny-mistral");
}

#[test]
fn tiny_phi3_with_fused_matrices_and_partial_rope_agrees() {
    agrees("tiny-phi3");
}

#[test]
fn tiny_llama_with_yarn_agrees() {
    agrees("tiny-llama-yarn");
}

#[test]
fn tiny_smollm3_with_a_layer_without_rope_agrees() {
    agrees("tiny-smollm3");
}

#[test]
fn tiny_phi35_with_two_rows_of_frequencies_agrees() {
    agrees("tiny-phi35");
}

#[test]
fn tiny_gemma2_with_bounds_agrees() {
    agrees("tiny-gemma2");
}

#[test]
fn tiny_gemma3_with_one_rope_stretched_agrees() {
    agrees("tiny-gemma3-linear");
}

#[test]
fn tiny_gemma3_with_windows_and_two_ropes_agrees() {
    agrees("tiny-gemma3");
}

#[test]
fn tiny_qwen3_with_experts_behind_a_layer_without_agrees() {
    agrees("tiny-qwen3-moe");
}

#[test]
fn tiny_qwen2_with_a_shared_expert_agrees() {
    agrees("tiny-qwen2-moe");
}

#[test]
fn tiny_mixtral_agrees() {
    agrees("tiny-mixtral");
}

#[test]
fn tiny_glm4_with_half_of_each_head_turned_agrees() {
    agrees("tiny-glm4");
}

/// A sink in the softmax of every head, windows, experts and a router with biases, a bounded gate,
/// and a context that was stretched between pairs.
#[test]
fn tiny_gpt_oss_with_sinks_agrees() {
    agrees("tiny-gpt-oss");
}

/// Queries from no latent, a softmax router that chooses groups first, shared experts, and a
/// context that was stretched, whose scores are sharper.
#[test]
fn tiny_deepseek_v2_agrees() {
    agrees("tiny-deepseek-v2");
}

/// Two layers without experts, groups, and a layer behind the last that predicts further ahead.
#[test]
fn tiny_deepseek_v3_with_groups_agrees() {
    agrees("tiny-deepseek-v3-groups");
}

#[test]
fn tiny_moonlight_agrees() {
    agrees("tiny-moonlight");
}

#[test]
fn tiny_kimi_k2_agrees() {
    agrees("tiny-kimi-k2");
}

/// Both layouts of config.json that transformers writes describe the same model.
#[test]
fn the_newer_config_layout_gives_the_same_logits() {
    // The newer config of this one denies the layer behind the last, which its tensors have.
    let denied = "tiny-deepseek-v3-groups";
    for &name in TINY.iter().filter(|name| **name != denied) {
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
    for name in ["tiny-llama", "tiny-gemma3", "tiny-qwen2-moe", "tiny-gpt-oss", "tiny-kimi-k2"] {
        let path = tiny_model(name);
        let ids = &Reference::of(&path).unwrap().cases[1].input_ids;
        for kv in KV {
            let ours = Variant::ours(kv, &[1, 2]);
            let whole = ours[0].open(&path, 256).prompt(ids, Pieces::Whole).unwrap();
            for variant in ours {
                for pieces in PIECES {
                    let rows = variant.open(&path, 256).prompt(ids, pieces).unwrap();
                    assert!(rows == whole, "{name} as {variant:?} with {pieces:?} differs");
                }
            }
        }
    }
}
