//! The reader's end of a stream.

mod adapters;
mod chunks;
mod fan_out;
mod merge;

use std::fmt;
use std::time::{Duration, Instant};

use crate::builder::StreamBuilder;
use crate::cancel::CancelToken;
use crate::source::{Reader, Source};
use crate::sync::{Spin, Waiter, park, park_until};
use crate::{AsyncStreamSender, MessageChunk};

/// What a stream has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these three states are all there can be, and every caller must handle each"
)]
pub enum TryNext<T> {
    /// The next chunk.
    Item(T),
    /// Nothing at present; more may come.
    Empty,
    /// Nothing any more.
    Ended,
}

impl<T> TryNext<T> {
    /// The chunk, if there is one.
    pub fn item(self) -> Option<T> {
        match self {
            Self::Item(chunk) => Some(chunk),
            Self::Empty | Self::Ended => None,
        }
    }
}

/// One chunk after another from a thread: bounded, in order, and always with an end.
///
/// Reading is by [`Iterator`] (`next` waits), [`try_next`](Self::try_next) (never waits) or
/// [`next_timeout`](Self::next_timeout). Dropping the stream makes the producer's next send fail;
/// [`cancel`](Self::cancel) does so without giving the stream up.
///
/// ```
/// use pricket_stream::{AsyncStream, MessageChunk, emit};
///
/// #[derive(Debug, PartialEq)]
/// enum Line {
///     Text(u32),
///     Failed(String),
/// }
///
/// impl MessageChunk for Line {
///     fn bad_chunk(message: String) -> Self {
///         Self::Failed(message)
///     }
///     fn error(&self) -> Option<&str> {
///         match self {
///             Self::Failed(message) => Some(message),
///             Self::Text(_) => None,
///         }
///     }
/// }
///
/// let lines = AsyncStream::with_channel(|tx| {
///     for i in 0..3 {
///         emit!(tx, Line::Text(i));
///     }
/// });
/// assert_eq!(lines.collect(), [Line::Text(0), Line::Text(1), Line::Text(2)]);
/// ```
///
/// A `Result` is no chunk:
///
/// ```compile_fail,E0277
/// let stream = pricket_stream::AsyncStream::<Result<String, String>>::empty();
/// ```
///
/// and a stream is no future:
///
/// ```compile_fail,E0277
/// fn needs_future<F: std::future::Future>(_: F) {}
/// needs_future(pricket_stream::AsyncStream::<Vec<std::convert::Infallible>>::empty());
/// ```
#[must_use = "a stream that is dropped closes its channel, and its producer stops"]
pub struct AsyncStream<T: MessageChunk> {
    origin: Origin<T>,
    on_chunk: Option<Box<dyn FnMut(T) -> T + Send>>,
    token: CancelToken,
    capacity: usize,
}

/// Where the chunks come from.
enum Origin<T> {
    Queue(Reader<T>),
    Ready(std::vec::IntoIter<T>),
    Derived(Box<dyn Source<T>>),
    Done,
}

impl<T: MessageChunk> fmt::Debug for AsyncStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncStream")
            .field("len", &self.len())
            .field("capacity", &self.capacity)
            .field("is_ended", &matches!(self.origin, Origin::Done))
            .finish_non_exhaustive()
    }
}

impl<T: MessageChunk> AsyncStream<T> {
    /// A stream of what `producer` sends. It runs on the bounded I/O pool; its panic arrives as an
    /// error chunk, and its return ends the stream.
    pub fn with_channel(producer: impl FnOnce(AsyncStreamSender<T>) + Send + 'static) -> Self {
        Self::builder().with_channel(producer)
    }

    /// A stream with other than the default settings.
    pub fn builder() -> StreamBuilder<T> {
        StreamBuilder::new()
    }

    /// A stream that has ended.
    pub fn empty() -> Self {
        Self::from_chunks(Vec::new())
    }

    /// A stream of one chunk.
    pub fn once(chunk: T) -> Self {
        Self::from_chunks(vec![chunk])
    }

    /// A stream of chunks that are already there.
    pub fn from_chunks(chunks: Vec<T>) -> Self {
        let capacity = chunks.len();
        Self::assemble(Origin::Ready(chunks.into_iter()), CancelToken::new(), capacity)
    }

    /// A stream over a queue.
    pub(crate) fn from_reader(reader: Reader<T>, token: CancelToken, capacity: usize) -> Self {
        Self::assemble(Origin::Queue(reader), token, capacity)
    }

    /// A stream over other streams.
    pub(crate) fn derived(
        source: impl Source<T> + 'static,
        token: CancelToken,
        capacity: usize,
    ) -> Self {
        Self::assemble(Origin::Derived(Box::new(source)), token, capacity)
    }

    fn assemble(origin: Origin<T>, token: CancelToken, capacity: usize) -> Self {
        Self { origin, on_chunk: None, token, capacity }
    }

    /// Runs `handler` on every chunk as it is read.
    pub(crate) fn handled_by(mut self, handler: Option<Box<dyn FnMut(T) -> T + Send>>) -> Self {
        self.on_chunk = handler;
        self
    }

    /// The next chunk if it is there; never waits.
    pub fn try_next(&mut self) -> TryNext<T> {
        let found = match &mut self.origin {
            Origin::Queue(reader) => reader.poll(),
            Origin::Derived(source) => source.poll(),
            Origin::Ready(_) if self.token.is_cancelled() => TryNext::Ended,
            Origin::Ready(chunks) => chunks.next().map_or(TryNext::Ended, TryNext::Item),
            Origin::Done => TryNext::Ended,
        };
        match (found, &mut self.on_chunk) {
            (TryNext::Item(chunk), Some(handler)) => TryNext::Item(handler(chunk)),
            (TryNext::Ended, _) => {
                // What fed the stream is let go of now, not when the reader finds time to drop it.
                self.origin = Origin::Done;
                TryNext::Ended
            }
            (found, _) => found,
        }
    }

    /// The next chunk, for which it waits at most `timeout`; `Empty` when the time is over.
    pub fn next_timeout(&mut self, timeout: Duration) -> TryNext<T> {
        self.wait(Instant::now().checked_add(timeout))
    }

    /// All chunks, after the last of them has come.
    pub fn collect(self) -> Vec<T> {
        Iterator::collect(self)
    }

    /// The first chunk; the rest is given up. `None` if the stream ends without one.
    pub fn collect_one(mut self) -> Option<T> {
        self.next()
    }

    /// All chunks, or, as soon as one of them tells of a failure, only what `handler` makes of it.
    pub fn collect_or_else(self, handler: impl FnOnce(&T) -> T) -> Vec<T> {
        let mut chunks = Vec::new();
        for chunk in self {
            if chunk.is_error() {
                return vec![handler(&chunk)];
            }
            chunks.push(chunk);
        }
        chunks
    }

    /// Hands every chunk to `action`.
    pub fn for_each(self, action: impl FnMut(T)) {
        Iterator::for_each(self, action);
    }

    /// Stops the producer: its sends fail from now on. What has been sent can still be read.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// The token that cancels this stream.
    pub fn cancel_token(&self) -> CancelToken {
        self.token.clone()
    }

    /// Chunks that the stream holds at most; of an adapted stream, those of the stream below it.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Chunks that have come and wait to be read; of an adapted stream, those below it.
    pub fn len(&self) -> usize {
        match &self.origin {
            Origin::Queue(reader) => reader.len(),
            Origin::Ready(chunks) => chunks.len(),
            Origin::Derived(source) => source.len(),
            Origin::Done => 0,
        }
    }

    /// Whether no chunk waits to be read now. More may come: `try_next` tells an end.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Registers who waits; true if it may park.
    pub(crate) fn register(&mut self, waiter: &Waiter) -> bool {
        match &mut self.origin {
            Origin::Queue(reader) => reader.register(waiter),
            Origin::Derived(source) => source.register(waiter),
            Origin::Ready(_) | Origin::Done => false,
        }
    }

    /// Waits for a chunk or the end, at most until `deadline`.
    fn wait(&mut self, deadline: Option<Instant>) -> TryNext<T> {
        let spin = Spin::new();
        loop {
            match self.try_next() {
                TryNext::Empty => {}
                found => return found,
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return TryNext::Empty;
            }
            if spin.again() || !self.register(&Waiter::me()) {
                continue;
            }
            match deadline {
                Some(deadline) => park_until(deadline),
                None => park(),
            }
        }
    }
}

/// `next` waits for a chunk, and gives `None` after the last one for ever.
impl<T: MessageChunk> Iterator for AsyncStream<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        // What is there already, by the shortest way: no state in between, each of which would cost
        // a copy of the chunk.
        if let Origin::Queue(reader) = &self.origin
            && let Some(chunk) = reader.take()
        {
            return Some(match &mut self.on_chunk {
                None => chunk,
                Some(handler) => handler(chunk),
            });
        }
        self.wait(None).item()
    }
}

impl<T: MessageChunk> std::iter::FusedIterator for AsyncStream<T> {}
