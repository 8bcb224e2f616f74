//! The settings of a stream, and what fills it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::cancel::CancelToken;
use crate::limits::CAPACITY_DEFAULT;
use crate::pool::{Call, IoPool, no_thread};
use crate::queue::{Hook, Queue};
use crate::source::Reader;
use crate::{AsyncStream, AsyncStreamSender, MessageChunk};

/// Settings of an [`AsyncStream`], from [`AsyncStream::builder`].
#[must_use = "a builder does nothing before one of its last words: with_channel, channel or empty"]
pub struct StreamBuilder<T: MessageChunk> {
    capacity: usize,
    on_chunk: Option<Box<dyn FnMut(T) -> T + Send>>,
    on_space: Option<Hook>,
    on_close: Option<Hook>,
    token: CancelToken,
    place: Place,
}

/// Where a producer runs.
enum Place {
    Pool(IoPool),
    Thread(String),
}

impl<T: MessageChunk> fmt::Debug for StreamBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamBuilder")
            .field("capacity", &self.capacity)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

impl<T: MessageChunk> StreamBuilder<T> {
    /// The default settings.
    pub(crate) fn new() -> Self {
        Self {
            capacity: CAPACITY_DEFAULT,
            on_chunk: None,
            on_space: None,
            on_close: None,
            token: CancelToken::new(),
            place: Place::Pool(IoPool::global().clone()),
        }
    }

    /// Chunks that the stream holds before its producer has to wait, from 1 to
    /// [`CAPACITY_MAX`](crate::limits::CAPACITY_MAX); a number outside is brought to the nearer
    /// end.
    pub fn capacity(mut self, chunks: usize) -> Self {
        self.capacity = chunks;
        self
    }

    /// Runs `handler` on every chunk as it is read, on the reader's thread; also on those that
    /// `bad_chunk` made. Given twice, both run, in that order.
    pub fn on_chunk(mut self, mut handler: impl FnMut(T) -> T + Send + 'static) -> Self {
        self.on_chunk = Some(match self.on_chunk.take() {
            None => Box::new(handler),
            Some(mut first) => Box::new(move |chunk| handler(first(chunk))),
        });
        self
    }

    /// The token that cancels the stream, and that the stream's `cancel` cancels. Give a `child()`
    /// of a token that others share.
    pub fn cancel_token(mut self, token: CancelToken) -> Self {
        self.token = token;
        self
    }

    /// Runs `hook` on the reader's thread when there is room again after a `try_send` found none;
    /// for a producer that serves many streams and waits for none. Once for each time it found
    /// none.
    pub fn on_space(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_space = Some(Box::new(hook));
        self
    }

    /// Runs `hook` once when nobody reads any more: the reader was dropped or has read the end, or
    /// the stream was cancelled. On the thread that did it.
    pub fn on_close(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_close = Some(Box::new(hook));
        self
    }

    /// Runs the producer on a thread of its own with this name: for long inference jobs, which
    /// would hold an I/O thread for minutes.
    pub fn thread(mut self, name: impl Into<String>) -> Self {
        self.place = Place::Thread(name.into());
        self
    }

    /// Runs the producer on this pool instead of the global one.
    pub fn pool(mut self, pool: &IoPool) -> Self {
        self.place = Place::Pool(pool.clone());
        self
    }

    /// A sender and its stream, for producers that run where they like.
    pub fn channel(self) -> (AsyncStreamSender<T>, AsyncStream<T>) {
        let (tx, reader) = open(self.capacity, self.on_space, self.on_close, &self.token);
        let capacity = tx.capacity();
        let stream = AsyncStream::from_reader(reader, self.token, capacity);
        (tx, stream.handled_by(self.on_chunk))
    }

    /// A stream that has ended.
    pub fn empty(self) -> AsyncStream<T> {
        self.channel().1
    }

    /// A stream of what `producer` sends. It ends when the producer has returned and the last clone
    /// of its sender is gone. A panic arrives as an error chunk before the end; so does a thread
    /// that cannot be started.
    pub fn with_channel(
        self,
        producer: impl FnOnce(AsyncStreamSender<T>) + Send + 'static,
    ) -> AsyncStream<T> {
        let (tx, mut reader) = open(self.capacity, self.on_space, self.on_close, &self.token);
        let capacity = tx.capacity();
        match self.place {
            Place::Pool(pool) => {
                let job = Box::new(move |call| produce(&tx, producer, call));
                reader.produced_by(pool.submit(job));
            }
            Place::Thread(name) => {
                let spare = tx.clone();
                let started = std::thread::Builder::new()
                    .name(name)
                    .spawn(move || produce(&tx, producer, Call::Run));
                if let Err(error) = started {
                    // The queue is new, so there is room; and the reader is here, so it is open.
                    let _ = spare.try_send(T::bad_chunk(no_thread(&error)));
                }
            }
        }
        AsyncStream::from_reader(reader, self.token, capacity).handled_by(self.on_chunk)
    }
}

/// A queue with one sender and its reader, closed when `token` is cancelled.
fn open<T: MessageChunk>(
    capacity: usize,
    on_space: Option<Hook>,
    on_close: Option<Hook>,
    token: &CancelToken,
) -> (AsyncStreamSender<T>, Reader<T>) {
    let queue = Arc::new(Queue::new(capacity, on_space, on_close));
    let tx = AsyncStreamSender::first(Arc::clone(&queue), token.clone());
    let reader = Reader::new(queue);
    reader.closed_by(token);
    (tx, reader)
}

/// A producer's life on its thread; its end drops the stream's first sender.
fn produce<T: MessageChunk>(
    tx: &AsyncStreamSender<T>,
    producer: impl FnOnce(AsyncStreamSender<T>),
    call: Call,
) {
    let message = match call {
        Call::Refuse(reason) => reason,
        Call::Run => {
            let inner = tx.clone();
            let Err(panic) = catch_unwind(AssertUnwindSafe(|| producer(inner))) else {
                return;
            };
            format!("the stream's producer panicked: {}", panic_text(&*panic))
        }
    };
    tracing::error!(%message, "a stream ends with an error");
    // A reader that is gone does not want to know.
    let _ = tx.send(T::bad_chunk(message));
}

/// What a panic said, where it said it in words.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "no message"
    }
}

/// A sender and its stream, with the default capacity.
pub fn async_stream_channel<T: MessageChunk>() -> (AsyncStreamSender<T>, AsyncStream<T>) {
    AsyncStream::builder().channel()
}

/// A sender and its stream that holds `chunks` chunks.
pub fn async_stream_channel_with_capacity<T: MessageChunk>(
    chunks: usize,
) -> (AsyncStreamSender<T>, AsyncStream<T>) {
    AsyncStream::builder().capacity(chunks).channel()
}
