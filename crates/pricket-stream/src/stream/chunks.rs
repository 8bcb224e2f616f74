//! Groups of chunks, for consumers that pay per call.

use crate::source::Source;
use crate::sync::Waiter;
use crate::{AsyncStream, MessageChunk, TryNext};

impl<T: MessageChunk> AsyncStream<T> {
    /// Groups of `n` chunks (at least one); the last group may be shorter. An error chunk ends its
    /// group at once, as its last member, so that it is not held back.
    pub fn chunks(self, n: usize) -> AsyncStream<Vec<T>> {
        let (token, capacity) = (self.cancel_token(), self.capacity());
        let source = Chunks { below: self, group: Vec::new(), size: n.max(1) };
        AsyncStream::derived(source, token, capacity)
    }
}

struct Chunks<T: MessageChunk> {
    below: AsyncStream<T>,
    group: Vec<T>,
    size: usize,
}

impl<T: MessageChunk> Source<Vec<T>> for Chunks<T> {
    fn poll(&mut self) -> TryNext<Vec<T>> {
        loop {
            match self.below.try_next() {
                TryNext::Item(chunk) => {
                    let is_error = chunk.is_error();
                    self.group.push(chunk);
                    if is_error || self.group.len() >= self.size {
                        return TryNext::Item(std::mem::take(&mut self.group));
                    }
                }
                TryNext::Empty => return TryNext::Empty,
                TryNext::Ended if self.group.is_empty() => return TryNext::Ended,
                TryNext::Ended => return TryNext::Item(std::mem::take(&mut self.group)),
            }
        }
    }

    fn register(&mut self, waiter: &Waiter) -> bool {
        self.below.register(waiter)
    }

    fn len(&self) -> usize {
        self.below.len() / self.size
    }
}
