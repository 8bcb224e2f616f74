//! A channel for one value.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cancel::CancelToken;
use crate::pool::JobTicket;
use crate::queue::Queue;
use crate::source::{Reader, Source};
use crate::stream::TryNext;
use crate::sync::{Spin, Waiter, park, park_until};

/// The sender was dropped without a value, or the channel was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value will not come: its sender was dropped or cancelled")]
pub struct OneshotCancelled;

/// What a oneshot has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these three states are all there can be, and every caller must handle each"
)]
pub enum Oneshot<T> {
    /// The value.
    Value(T),
    /// Nothing yet.
    Pending,
    /// No value, for ever: the sender is gone, or the value was given out before.
    Cancelled,
}

/// Sends the value.
#[derive(Debug)]
pub struct OneshotSender<T> {
    queue: Arc<Queue<T>>,
}

/// Waits for the value.
#[derive(Debug)]
pub struct OneshotReceiver<T> {
    reader: Reader<T>,
}

/// A channel for one value.
///
/// ```
/// use pricket_stream::{OneshotCancelled, oneshot};
///
/// let (tx, rx) = oneshot();
/// assert_eq!(tx.send(7), Ok(()));
/// assert_eq!(rx.recv(), Ok(7));
///
/// let (tx, rx) = oneshot::<u8>();
/// drop(tx);
/// assert_eq!(rx.recv(), Err(OneshotCancelled));
/// ```
pub fn oneshot<T: Send>() -> (OneshotSender<T>, OneshotReceiver<T>) {
    let queue = Arc::new(Queue::new(1, None, None));
    (OneshotSender { queue: Arc::clone(&queue) }, OneshotReceiver { reader: Reader::new(queue) })
}

impl<T: Send> OneshotSender<T> {
    /// Sends the value; gives it back when the receiver is gone.
    pub fn send(self, value: T) -> Result<(), T> {
        // There is room for the only value, so this does not wait.
        self.queue.put(value)
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }
}

impl<T> Drop for OneshotSender<T> {
    fn drop(&mut self) {
        self.queue.remove_sender();
    }
}

impl<T: Send> OneshotReceiver<T> {
    /// Waits for the value.
    pub fn recv(mut self) -> Result<T, OneshotCancelled> {
        match self.wait(None) {
            Oneshot::Value(value) => Ok(value),
            Oneshot::Pending | Oneshot::Cancelled => Err(OneshotCancelled),
        }
    }

    /// The value, if it is there now; it is given out once.
    pub fn try_recv(&mut self) -> Oneshot<T> {
        match self.reader.poll() {
            TryNext::Item(value) => Oneshot::Value(value),
            TryNext::Empty => Oneshot::Pending,
            TryNext::Ended => Oneshot::Cancelled,
        }
    }

    /// Waits for the value at most `timeout`.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Oneshot<T> {
        self.wait(Instant::now().checked_add(timeout))
    }

    /// Whether `recv` would not wait.
    pub fn is_ready(&self) -> bool {
        self.reader.is_ready()
    }

    /// Closes the channel when `token` is cancelled.
    pub(crate) fn cancelled_by(&self, token: &CancelToken)
    where
        T: 'static,
    {
        self.reader.closed_by(token);
    }

    /// Remembers which job works the value out.
    pub(crate) fn produced_by(&mut self, job: Option<JobTicket>) {
        self.reader.produced_by(job);
    }

    fn wait(&mut self, deadline: Option<Instant>) -> Oneshot<T> {
        let spin = Spin::new();
        loop {
            match self.try_recv() {
                Oneshot::Pending => {}
                found => return found,
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Oneshot::Pending;
            }
            if spin.again() || !self.reader.register(&Waiter::me()) {
                continue;
            }
            match deadline {
                Some(deadline) => park_until(deadline),
                None => park(),
            }
        }
    }
}
