//! Does the crate keep its public contract? One binary, public API only.

mod adapters;
mod cancel;
mod channel;
mod chunk;
mod fan_out;
#[cfg(feature = "futures")]
mod futures;
mod pool;
mod stream;
mod stress;
mod task;
mod threads;
mod wakeup;

use pricket_stream::MessageChunk;

/// The chunk of these tests.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Num {
    Value(u64),
    Bad(String),
}

impl MessageChunk for Num {
    fn bad_chunk(message: String) -> Self {
        Self::Bad(message)
    }

    fn error(&self) -> Option<&str> {
        match self {
            Self::Bad(message) => Some(message),
            Self::Value(_) => None,
        }
    }
}

/// Chunks with these values.
fn nums(values: impl IntoIterator<Item = u64>) -> Vec<Num> {
    values.into_iter().map(Num::Value).collect()
}

/// Waits until `done` holds, and fails with `what` when it does not within ten seconds.
fn eventually(what: &str, done: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed().as_secs() < 10, "not within ten seconds: {what}");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
