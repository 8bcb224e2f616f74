//! Counts what a call allocates. The counters belong to the process, so the tests of this binary
//! run one after the other: each begins with [`Alone::begin`].

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pricket_models::ModelError;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What a refused file may cost: the buffer of a file's reader and messages, and a small multiple
/// of the file for tables and growing lists; nothing that its counts and lengths promise.
const BYTES_FREE: usize = (64 << 10) + (16 << 10);
const BYTES_PER_BYTE: usize = 16;

/// The right to count.
pub(crate) struct Alone(MutexGuard<'static, ()>);

impl Alone {
    /// Waits until no other test runs.
    pub(crate) fn begin() -> Self {
        Self(ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `call`, and gives its result and all bytes that were allocated meanwhile, freed or not.
    pub(crate) fn counted<T>(&self, call: impl FnOnce() -> T) -> (T, usize) {
        let Self(_guard) = self;
        let region = Region::new(GLOBAL);
        let result = call();
        (result, region.change().bytes_allocated)
    }

    /// Holds a refusal against the code and a piece of the message, and its cost against the input.
    pub(crate) fn check_refused<T>(
        &self,
        name: &str,
        input_bytes: usize,
        (code, message): (&str, &str),
        call: impl FnOnce() -> Result<T, ModelError>,
    ) {
        let (result, allocated) = self.counted(call);
        let error = result.err().unwrap_or_else(|| panic!("{name}: it was accepted"));
        assert_eq!(error.code(), code, "{name}: {error}");
        let text = error.to_string();
        assert!(text.contains(message), "{name}: `{text}` does not contain `{message}`");
        let allowed = BYTES_FREE + BYTES_PER_BYTE * input_bytes;
        assert!(allocated <= allowed, "{name}: {allocated} bytes for a file of {input_bytes}");
    }
}

#[test]
fn the_counter_sees_what_is_allocated() {
    let alone = Alone::begin();
    let (_, allocated) = alone.counted(|| std::hint::black_box(vec![1_u8; 3 << 20]));
    assert!(allocated >= 3 << 20, "{allocated}");
}
