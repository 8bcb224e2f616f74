//! Several streams read as one, on the reader's thread.

use crate::source::Source;
use crate::sync::Waiter;
use crate::{AsyncStream, CancelToken, MessageChunk, TryNext};

impl<T: MessageChunk> AsyncStream<T> {
    /// The chunks of all `streams` as they come, each stream's own order kept. It asks the streams
    /// in turn, so that a fast one cannot starve a slow one, and ends when all have ended.
    /// Cancelling it cancels them all.
    pub fn merge(streams: impl IntoIterator<Item = AsyncStream<T>>) -> Self {
        let streams: Vec<_> = streams.into_iter().collect();
        let token = CancelToken::new();
        for stream in &streams {
            token.lead(&stream.cancel_token());
        }
        let capacity = streams.iter().map(AsyncStream::capacity).fold(0, usize::saturating_add);
        AsyncStream::derived(Merge { streams, turn: 0 }, token, capacity)
    }
}

struct Merge<T: MessageChunk> {
    // Those that have not ended, in no particular order.
    streams: Vec<AsyncStream<T>>,
    turn: usize,
}

impl<T: MessageChunk> Source<T> for Merge<T> {
    fn poll(&mut self) -> TryNext<T> {
        let mut misses = 0;
        while misses < self.streams.len() {
            if self.turn >= self.streams.len() {
                self.turn = 0;
            }
            let Some(stream) = self.streams.get_mut(self.turn) else {
                break;
            };
            match stream.try_next() {
                TryNext::Item(chunk) => {
                    self.turn += 1;
                    return TryNext::Item(chunk);
                }
                TryNext::Empty => {
                    self.turn += 1;
                    misses += 1;
                }
                // The last stream takes the place of the ended one and is asked next.
                TryNext::Ended => drop(self.streams.swap_remove(self.turn)),
            }
        }
        if self.streams.is_empty() { TryNext::Ended } else { TryNext::Empty }
    }

    fn register(&mut self, waiter: &Waiter) -> bool {
        let mut may_park = true;
        for stream in &mut self.streams {
            // All, also after one that is ready: each must have its producer run.
            may_park &= stream.register(waiter);
        }
        may_park
    }

    fn len(&self) -> usize {
        self.streams.iter().map(AsyncStream::len).fold(0, usize::saturating_add)
    }
}
