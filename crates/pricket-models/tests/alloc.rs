//! A decode step of our own forward pass allocates nothing, on one thread and on two.
//!
//! A binary of its own, because it replaces the global allocator by one that counts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::System;
use std::path::Path;

use pricket_models::{Batch, CausalLm, Logits, LogitsWanted, OpenOptions, open};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn decode_allocations(threads: usize, steps: usize) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/tiny-llama");
    let options = OpenOptions { threads: Some(threads), ..OpenOptions::default() };
    let mut model = open(&path, &options, &mut |_| ()).unwrap().model;
    let mut cache = model.new_cache(1, 256).unwrap();
    let sequence = cache.open_sequence().unwrap();
    let mut batch = Batch::with_capacity(64, 1);
    let mut logits = Logits::with_capacity(1, 512);
    let prompt: Vec<u32> = (0..40).map(|index| index * 7 % 512).collect();
    batch.push(sequence, 0, &prompt, LogitsWanted::Last);
    model.forward(&batch, &mut cache, &mut logits).unwrap();
    let mut position = prompt.len();
    let mut step = |model: &mut dyn CausalLm| {
        batch.clear();
        batch.push(sequence, position, &[(position * 13 % 512) as u32], LogitsWanted::Last);
        model.forward(&batch, &mut cache, &mut logits).unwrap();
        position += 1;
    };
    step(&mut *model);
    let region = Region::new(GLOBAL);
    for _ in 0..steps {
        step(&mut *model);
    }
    region.change().allocations
}

#[test]
fn a_decode_step_allocates_nothing() {
    // One test, so that no other thread of this process allocates beside it.
    for threads in [1, 2] {
        assert_eq!(decode_allocations(threads, 100), 0, "{threads} threads");
    }
}
