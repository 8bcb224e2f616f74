//! Decoding and stop strings allocate nothing per token once their buffers have grown.
//!
//! A binary of its own, because it replaces the global allocator by one that counts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::System;
use std::path::PathBuf;

use pricket_tokenizer::{SkipSpecial, Special, StopMatcher, Tokenizer};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn push_and_feed_allocate_nothing_after_warm_up() {
    let text = "It's 7 o'clock: caf\u{e9}, \u{4e2d}\u{6587}, \u{1f600}\u{200d}\u{1f469} EN ENDE\n";
    for name in ["tiny-llama", "tiny-llama3-rope"] {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models");
        let tokenizer = Tokenizer::from_file(folder.join(name).join("tokenizer.json")).unwrap();
        let ids = tokenizer.encode(&text.repeat(20), Special::AsText).unwrap();
        let mut stream = tokenizer.detokenizer(SkipSpecial::Yes);
        let stops = vec!["END OF TEXT".to_owned(), "\n\nUser:".to_owned()];
        let mut stops = StopMatcher::new(stops).unwrap();
        let mut pass = |rounds: usize| {
            let mut bytes = 0;
            for _ in 0..rounds {
                for &id in &ids {
                    let piece = stream.push(id).unwrap();
                    bytes += stops.feed(piece).text.len();
                }
            }
            bytes
        };
        pass(1);
        // The harness's own threads may allocate in between: the quietest of three rounds counts.
        let quietest = (0..3)
            .map(|_| {
                let region = Region::new(GLOBAL);
                assert!(pass(10) > 1_000);
                let change = region.change();
                change.allocations + change.reallocations
            })
            .min();
        assert_eq!(quietest, Some(0), "{name}: {} tokens", ids.len() * 10);
    }
}
