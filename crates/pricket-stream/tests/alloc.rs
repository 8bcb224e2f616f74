//! Zero allocations per item, by an allocator that counts. A binary of its own, because it replaces
//! the process's allocator, and one test, because it counts those of all threads.

use std::alloc::System;
use std::hint::black_box;

use pricket_stream::{AsyncStream, MessageChunk, emit};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// As large as a chunk of text with its text inside.
#[derive(Clone, Copy)]
struct Chunk([u64; 6]);

impl MessageChunk for Chunk {
    fn bad_chunk(_: String) -> Self {
        Self([u64::MAX; 6])
    }
    fn error(&self) -> Option<&str> {
        None
    }
}

const WARM_UP: usize = 2_000;
const COUNTED: usize = 50_000;

/// Allocations and reallocations of the whole process while `COUNTED` chunks pass, after a warm-up.
fn counted(mut stream: AsyncStream<Chunk>) -> usize {
    assert_eq!(stream.by_ref().map(keep).take(WARM_UP).count(), WARM_UP);
    let region = Region::new(COUNTING);
    assert_eq!(stream.by_ref().map(keep).take(COUNTED).count(), COUNTED);
    let change = region.change();
    change.allocations + change.reallocations
}

/// Keeps the optimiser from seeing through the chunk.
fn keep(chunk: Chunk) -> u64 {
    black_box(chunk.0[0])
}

/// A stream of more chunks than are read, so that neither its start nor its end is counted.
fn endless(capacity: usize) -> AsyncStream<Chunk> {
    AsyncStream::builder().capacity(capacity).thread("endless").with_channel(|tx| {
        for i in 0.. {
            emit!(tx, Chunk([i; 6]));
        }
    })
}

#[test]
fn a_chunk_costs_no_allocation() {
    // The count works: a vector is seen.
    let region = Region::new(COUNTING);
    black_box(Vec::<u64>::with_capacity(black_box(100)));
    assert_eq!(region.change().allocations, 1);

    // The reader keeps up, the reader is behind, and both ends park for every item.
    for capacity in [1024, 8, 1] {
        assert_eq!(counted(endless(capacity)), 0, "capacity {capacity}");
    }
    let adapted = endless(64)
        .map(|chunk| Chunk([chunk.0[0] + 1; 6]))
        .filter(|chunk| chunk.0[0] % 2 == 0)
        .inspect(|chunk| assert!(chunk.0[0] > 0))
        .take(usize::MAX);
    assert_eq!(counted(adapted), 0, "adapters");
    let merged = AsyncStream::merge([endless(64), endless(64)]);
    // Both threads have started when both queues are full; a start allocates.
    while merged.len() < 128 {
        std::thread::yield_now();
    }
    assert_eq!(counted(merged), 0, "merge");
}
