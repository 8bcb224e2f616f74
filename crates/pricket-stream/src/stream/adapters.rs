//! Adapters of one stream: they run on the reader's thread and own the stream below.

use crate::source::Source;
use crate::sync::Waiter;
use crate::{AsyncStream, MessageChunk, TryNext};

impl<T: MessageChunk> AsyncStream<T> {
    /// Every chunk, changed by `f`; error chunks too, for only `f` knows what they become.
    pub fn map<U: MessageChunk>(self, f: impl FnMut(T) -> U + Send + 'static) -> AsyncStream<U> {
        let mut f = f;
        self.filter_map(move |chunk| Some(f(chunk)))
    }

    /// The chunks that `keep` keeps. Error chunks are always kept: a failure cannot be filtered
    /// away by accident.
    pub fn filter(self, keep: impl FnMut(&T) -> bool + Send + 'static) -> Self {
        let mut keep = keep;
        self.filter_map(move |chunk| (chunk.is_error() || keep(&chunk)).then_some(chunk))
    }

    /// What `f` makes of the chunks, without those of which it makes nothing; `f` sees error chunks
    /// too.
    pub fn filter_map<U: MessageChunk>(
        self,
        f: impl FnMut(T) -> Option<U> + Send + 'static,
    ) -> AsyncStream<U> {
        let (token, capacity) = (self.cancel_token(), self.capacity());
        AsyncStream::derived(FilterMap { below: self, f }, token, capacity)
    }

    /// Every chunk, after `look` has seen it.
    pub fn inspect(self, look: impl FnMut(&T) + Send + 'static) -> Self {
        let mut look = look;
        self.map(move |chunk| {
            look(&chunk);
            chunk
        })
    }

    /// The first `n` chunks. The stream below is dropped, and its producer stops, with the last of
    /// them.
    pub fn take(self, n: usize) -> Self {
        let (token, capacity) = (self.cancel_token(), self.capacity());
        let below = (n > 0).then_some(self);
        AsyncStream::derived(Take { below, left: n }, token, capacity)
    }
}

struct FilterMap<T: MessageChunk, F> {
    below: AsyncStream<T>,
    f: F,
}

impl<T, U, F> Source<U> for FilterMap<T, F>
where
    T: MessageChunk,
    F: FnMut(T) -> Option<U> + Send,
{
    fn poll(&mut self) -> TryNext<U> {
        loop {
            match self.below.try_next() {
                TryNext::Item(chunk) => {
                    if let Some(made) = (self.f)(chunk) {
                        return TryNext::Item(made);
                    }
                }
                TryNext::Empty => return TryNext::Empty,
                TryNext::Ended => return TryNext::Ended,
            }
        }
    }

    fn register(&mut self, waiter: &Waiter) -> bool {
        self.below.register(waiter)
    }

    fn len(&self) -> usize {
        self.below.len()
    }
}

struct Take<T: MessageChunk> {
    below: Option<AsyncStream<T>>,
    left: usize,
}

impl<T: MessageChunk> Source<T> for Take<T> {
    fn poll(&mut self) -> TryNext<T> {
        let Some(below) = &mut self.below else {
            return TryNext::Ended;
        };
        let found = below.try_next();
        if matches!(found, TryNext::Item(_)) {
            self.left = self.left.saturating_sub(1);
        }
        if self.left == 0 {
            self.below = None;
        }
        found
    }

    fn register(&mut self, waiter: &Waiter) -> bool {
        self.below.as_mut().is_some_and(|below| below.register(waiter))
    }

    fn len(&self) -> usize {
        self.below.as_ref().map_or(0, AsyncStream::len).min(self.left)
    }
}
