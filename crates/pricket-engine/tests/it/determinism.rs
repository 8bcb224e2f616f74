//! The seed alone decides.

use pricket_core::{CompletionProvider, CompletionRequest, SamplingParams};
use pricket_engine::{Engine, EngineOptions};

use crate::kit::{complete, dreaming, engine};

fn seeded(text: &str, seed: u64) -> CompletionRequest {
    let sampling = SamplingParams {
        seed: Some(seed),
        top_k: Some(12),
        top_p: Some(0.95),
        repetition_penalty: Some(1.1),
        ..Default::default()
    };
    CompletionRequest::raw(text).sampling(sampling).max_tokens(40)
}

fn answer(engine: &Engine, text: &str, seed: u64) -> String {
    complete(engine.complete(seeded(text, seed))).text
}

#[test]
fn the_same_seed_gives_the_same_answer_and_another_gives_another() {
    let (one, _) = engine(&EngineOptions::default(), dreaming());
    let (two, _) = engine(&EngineOptions { prefill_chunk: 2, ..Default::default() }, dreaming());
    let first = answer(&one, "once", 1);
    assert_eq!(first.len(), 40);
    // Other requests in between change nothing.
    assert_ne!(answer(&one, "once", 2), first);
    assert_eq!(answer(&one, "once", 1), first);
    assert_eq!(answer(&two, "once", 1), first);
}

#[test]
fn neighbours_in_the_batch_change_nothing() {
    let prompts: Vec<String> =
        (0..24).map(|n| format!("prompt {n} {}", "x".repeat(n * 3))).collect();
    let (alone, _) = engine(&EngineOptions::default(), dreaming());
    let expected: Vec<String> = prompts.iter().map(|text| answer(&alone, text, 7)).collect();
    for sequences_max in [2, 5, 24] {
        let options = EngineOptions { sequences_max, prefill_chunk: 16, ..Default::default() };
        let (engine, trace) = engine(&options, dreaming());
        let streams: Vec<_> = prompts.iter().map(|text| engine.complete(seeded(text, 7))).collect();
        let answers: Vec<String> = streams.into_iter().map(|s| complete(s).text).collect();
        assert_eq!(answers, expected);
        let widest = trace.widest.load(std::sync::atomic::Ordering::SeqCst);
        assert!(widest > 1 && widest <= 16 + sequences_max, "{widest}");
    }
}

#[test]
fn without_a_seed_one_is_drawn_and_told_and_repeats_the_answer() {
    let (engine, _) = engine(&EngineOptions::default(), dreaming());
    let ask = || CompletionRequest::raw("once").max_tokens(30);
    let first = complete(engine.complete(ask()));
    let second = complete(engine.complete(ask()));
    assert_ne!(first.sampling.seed, second.sampling.seed);
    assert_ne!(first.text, second.text);
    let again = SamplingParams { seed: Some(first.sampling.seed), ..Default::default() };
    assert_eq!(complete(engine.complete(ask().sampling(again))).text, first.text);
}
