//! Sampling, detokenising and emitting a token allocate nothing, counted over the whole process:
//! the engine's thread and the reader's. A binary of its own, because the count is the process's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "a test fails by panicking, and the kit has more than this test needs"
)]

#[path = "it/kit.rs"]
mod kit;

use std::alloc::System;
use std::sync::Arc;

use pricket_core::{
    CompletionProvider, CompletionRequest, LogitBias, SamplerKind, SamplerOrder, SamplingParams,
};
use pricket_engine::EngineOptions;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn no_allocation_per_token() {
    let region = Region::new(GLOBAL);
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(region.change().allocations, 1, "the counter counts");

    let all = SamplingParams {
        temperature: Some(0.9),
        top_k: Some(20),
        top_p: Some(0.95),
        min_p: Some(0.01),
        repetition_penalty: Some(1.1),
        frequency_penalty: Some(0.1),
        presence_penalty: Some(0.1),
        penalty_last_n: Some(0),
        dynatemp_range: Some(0.3),
        typical_p: Some(0.98),
        top_n_sigma: Some(3.0),
        xtc_probability: Some(0.1),
        xtc_threshold: Some(0.2),
        dry_multiplier: Some(0.1),
        logit_bias: Some(LogitBias::new([(5, 0.5)]).unwrap()),
        bad_words: Some(Arc::new([vec![6, 7]])),
        min_tokens: Some(3_000),
        seed: Some(1),
        ..Default::default()
    };
    let unfiltered = SamplingParams { seed: Some(1), ..Default::default() };
    let mirostat = |version| SamplingParams { mirostat: Some(version), ..unfiltered.clone() };
    let mut reversed = SamplerKind::ALL;
    reversed.reverse();
    let reversed =
        SamplingParams { samplers: Some(SamplerOrder::new(&reversed).unwrap()), ..all.clone() };
    let (one, two) = (mirostat(1), mirostat(2));
    for sampling in [SamplingParams::greedy(), unfiltered, all, reversed, one, two] {
        let (engine, _) = kit::engine(&EngineOptions::default(), kit::dreaming());
        // A stop text that begins often and never comes.
        let request = CompletionRequest::raw("once upon a time")
            .sampling(sampling.clone())
            .stop(["a?", "e!"])
            .max_tokens(2_000);
        let mut stream = engine.complete(request);
        let mut bytes = 0;
        for _ in 0..300 {
            bytes += stream.next().unwrap().to_string().len();
        }
        let region = Region::new(GLOBAL);
        for _ in 0..1_000 {
            if let Some(pricket_core::CompletionChunk::Text { text, .. }) = stream.next() {
                bytes += text.len();
            }
        }
        let counted = region.change();
        assert!(bytes >= 1_300);
        assert_eq!((counted.allocations, counted.reallocations), (0, 0), "{sampling:?}");
    }
}
