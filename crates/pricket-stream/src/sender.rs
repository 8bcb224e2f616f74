//! The producer's end of a stream.

use std::fmt;
use std::sync::Arc;

use crate::MessageChunk;
use crate::cancel::CancelToken;
use crate::queue::{Queue, Refused};

/// Nobody reads any more: the reader was dropped, or the stream cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(
    /// The chunk that was not sent.
    pub T,
);

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream is closed: its reader was dropped, or it was cancelled")
    }
}

impl<T: fmt::Debug> std::error::Error for SendError<T> {}

/// Why a chunk was not sent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<T> {
    /// The queue is full; the reader is behind.
    Full(
        /// The chunk that was not sent.
        T,
    ),
    /// Nobody reads any more.
    Closed(
        /// The chunk that was not sent.
        T,
    ),
}

impl<T> TrySendError<T> {
    /// The chunk that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(chunk) | Self::Closed(chunk) => chunk,
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the stream is full: its reader is behind",
            Self::Closed(_) => "the stream is closed: its reader was dropped, or it was cancelled",
        })
    }
}

impl<T: fmt::Debug> std::error::Error for TrySendError<T> {}

/// The producer's end of an [`AsyncStream`](crate::AsyncStream). The stream ends when the last
/// clone is dropped.
#[derive(Debug)]
pub struct AsyncStreamSender<T: MessageChunk> {
    queue: Arc<Queue<T>>,
    token: CancelToken,
}

impl<T: MessageChunk> AsyncStreamSender<T> {
    /// The first sender of a queue that counts one.
    pub(crate) fn first(queue: Arc<Queue<T>>, token: CancelToken) -> Self {
        Self { queue, token }
    }

    /// Sends a chunk; waits while the queue is full. Fails as soon as nobody reads any more, also
    /// while it waits.
    #[inline]
    pub fn send(&self, chunk: T) -> Result<(), SendError<T>> {
        self.queue.put(chunk).map_err(SendError)
    }

    /// Sends a chunk if there is room now. Never waits, never parks: for a thread that serves many
    /// streams. After `Full`, the stream's `on_space` hook tells when to try again.
    pub fn try_send(&self, chunk: T) -> Result<(), TrySendError<T>> {
        self.queue.offer_or_ask(chunk).map_err(|refused| match refused {
            Refused::Full(chunk) => TrySendError::Full(chunk),
            Refused::Closed(chunk) => TrySendError::Closed(chunk),
        })
    }

    /// Sends a chunk that tells of a failure, and logs it. What `handle_error!` does before it
    /// returns.
    pub fn fail(&self, context: &str, error: &dyn fmt::Display) -> Result<(), SendError<T>> {
        tracing::error!(%error, context, "a stream's producer failed");
        self.send(T::bad_chunk(format!("{context}: {error}")))
    }

    /// Asks for a call of the stream's `on_space` hook after the next read, as a refused
    /// [`try_send`](Self::try_send) does; for a producer that wants more room than one chunk. Ask
    /// first and look at [`len`](Self::len) then: a read between the two is either seen in the
    /// length or calls the hook.
    pub fn ask_for_space(&self) {
        self.queue.ask_for_space();
    }

    /// Whether nobody reads any more.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// The stream's token, for work that does not send for a long time.
    pub fn cancel_token(&self) -> CancelToken {
        self.token.clone()
    }

    /// Chunks that wait for the reader.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether the reader has read everything.
    pub fn is_empty(&self) -> bool {
        self.queue.len() == 0
    }

    /// Chunks that fit.
    pub fn capacity(&self) -> usize {
        self.queue.capacity()
    }
}

impl<T: MessageChunk> Clone for AsyncStreamSender<T> {
    fn clone(&self) -> Self {
        self.queue.add_sender();
        Self { queue: Arc::clone(&self.queue), token: self.token.clone() }
    }
}

impl<T: MessageChunk> Drop for AsyncStreamSender<T> {
    fn drop(&mut self) {
        self.queue.remove_sender();
    }
}
