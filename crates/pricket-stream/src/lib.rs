//! `AsyncStream`: one value after another from a thread, bounded, cancellable, without futures.
//!
//! It does not know what a token, a model or a socket is, and no executor: waiting is done by
//! parked threads, in the reader's own terminal call or in a producer that is ahead of its reader.
//!
//! Key types: [`AsyncStream`] is read, [`AsyncStreamSender`] is written to, [`MessageChunk`] is
//! what travels, [`CancelToken`] says stop.
//!
//! 1. Write a producer: `AsyncStream::with_channel(|tx| { emit!(tx, chunk); })`.
//! 2. Read: `for chunk in stream`, `try_next`, `next_timeout`, `collect`.
//! 3. Stop early: drop the stream, or cancel its token; the producer's next `emit!` returns.
//!
//! Costs: no allocation per chunk; a ring, a token and a job per stream. A chunk costs one
//! exchange at each end; a parked reader is woken by each first chunk at once.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod chunk;
mod macros;

mod sender;
mod stream;
mod builder;
mod source;

mod queue;
mod waiters;
mod sync;

mod channel;
mod oneshot;

mod cancel;
mod pool;
mod task;

#[cfg(feature = "futures")]
mod futures;

pub mod limits;

pub use builder::{StreamBuilder, async_stream_channel, async_stream_channel_with_capacity};
pub use cancel::CancelToken;
pub use channel::Channel;
pub use chunk::MessageChunk;
pub use oneshot::{Oneshot, OneshotCancelled, OneshotReceiver, OneshotSender, oneshot};
pub use pool::{IoPool, PoolStats};
pub use sender::{AsyncStreamSender, SendError, TrySendError};
pub use stream::{AsyncStream, TryNext};
#[cfg(loom)]
pub use sync::modelled::set_fences;
pub use task::{AsyncTask, TaskError, spawn_task};
