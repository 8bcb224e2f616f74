//! Decoding and stop strings allocate nothing per token once their buffers have grown, and counting
//! keeps no ids.
//!
//! A binary of its own, because it replaces the global allocator by one that counts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::System;
use std::path::PathBuf;
use std::sync::Mutex;

use pricket_tokenizer::{SkipSpecial, Special, StopMatcher, Tokenizer};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What is counted is counted for the whole process, so the tests take turns.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn push_and_feed_allocate_nothing_after_warm_up() {
    let _turn = TURN.lock();
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

/// The most that the threads of this process hold at a time is not told, but what they ask for in
/// all is more than that.
#[test]
fn counting_takes_no_memory_for_ids() {
    let _turn = TURN.lock();
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    for file in
        ["models/tiny-llama3-rope/tokenizer.json", "tokenizers/kimi-tiktoken/tiktoken.model"]
    {
        let tokenizer = Tokenizer::from_file(fixtures.join(file)).unwrap();
        let text = "It's 7 o'clock: caf\u{e9}, \u{4e2d}\u{6587}, \u{1f600}\n".repeat(20_000);
        let mut count = 0;
        let quietest = (0..3)
            .map(|_| {
                let region = Region::new(GLOBAL);
                count = tokenizer.count(&text, Special::AsText).unwrap();
                region.change().bytes_allocated
            })
            .min();
        assert!(count > 300_000, "{file}: {count}");
        assert!(quietest.unwrap() < 64 << 10, "{file}: {quietest:?} bytes for {count} ids");
    }
}
