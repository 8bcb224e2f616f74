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

use pricket_core::{CompletionProvider, CompletionRequest, SamplingParams};
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
        seed: Some(1),
    };
    let unfiltered = SamplingParams { seed: Some(1), ..Default::default() };
    for sampling in [SamplingParams::greedy(), unfiltered, all] {
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
