//! One value from a thread.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::builder::panic_text;
use crate::cancel::CancelToken;
use crate::oneshot::{Oneshot, OneshotReceiver, oneshot};
use crate::pool::{Call, IoPool};

/// Why a task gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The function panicked.
    #[error("the task panicked: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// The task was cancelled before it had a value.
    #[error("the task was cancelled before it had a value")]
    Cancelled,
    /// No thread took the task.
    #[error("the task was not started: {reason}")]
    NotStarted {
        /// Why not, and the remedy.
        reason: String,
    },
}

/// A value that a thread is working out. Dropping it lets the work go on and its value be lost.
#[must_use = "the value is in `collect`"]
pub struct AsyncTask<T: Send + 'static> {
    receiver: OneshotReceiver<Result<T, TaskError>>,
    token: CancelToken,
}

impl<T: Send + 'static> fmt::Debug for AsyncTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncTask").field("is_ready", &self.is_ready()).finish_non_exhaustive()
    }
}

/// Runs `f` on the bounded I/O pool.
///
/// ```
/// assert_eq!(pricket_stream::spawn_task(|| 6 * 7).collect(), Ok(42));
/// ```
pub fn spawn_task<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> AsyncTask<T> {
    AsyncTask::start(IoPool::global(), &CancelToken::new(), move |_| f())
}

impl<T: Send + 'static> AsyncTask<T> {
    /// Runs `f` on `pool`; `f` asks the token, which [`cancel`](Self::cancel) cancels, whether to
    /// go on.
    pub fn start(
        pool: &IoPool,
        token: &CancelToken,
        f: impl FnOnce(&CancelToken) -> T + Send + 'static,
    ) -> Self {
        let (sender, mut receiver) = oneshot();
        receiver.cancelled_by(token);
        let inside = token.clone();
        let ticket = pool.submit(Box::new(move |call| {
            let value = match call {
                Call::Refuse(reason) => Err(TaskError::NotStarted { reason }),
                Call::Run if inside.is_cancelled() => Err(TaskError::Cancelled),
                Call::Run => catch_unwind(AssertUnwindSafe(|| f(&inside))).map_err(|panic| {
                    TaskError::Panicked { message: panic_text(&*panic).to_owned() }
                }),
            };
            // A task that was dropped has nobody who wants its value.
            let _ = sender.send(value);
        }));
        receiver.produced_by(ticket);
        Self { receiver, token: token.clone() }
    }

    /// A task that is done.
    pub fn from_value(value: T) -> Self {
        let (sender, receiver) = oneshot();
        // The receiver is here, so the value is taken.
        let _ = sender.send(Ok(value));
        Self { receiver, token: CancelToken::new() }
    }

    /// The value, for which it waits. After a cancel it waits no longer, even where the function
    /// does not ask its token.
    pub fn collect(self) -> Result<T, TaskError> {
        self.receiver.recv().unwrap_or(Err(TaskError::Cancelled))
    }

    /// The value, if it is there now; it is given out once.
    pub fn try_collect(&mut self) -> Option<Result<T, TaskError>> {
        Self::told(self.receiver.try_recv())
    }

    /// The value, for which it waits at most `timeout`.
    pub fn collect_timeout(&mut self, timeout: Duration) -> Option<Result<T, TaskError>> {
        Self::told(self.receiver.recv_timeout(timeout))
    }

    fn told(oneshot: Oneshot<Result<T, TaskError>>) -> Option<Result<T, TaskError>> {
        match oneshot {
            Oneshot::Value(value) => Some(value),
            Oneshot::Pending => None,
            Oneshot::Cancelled => Some(Err(TaskError::Cancelled)),
        }
    }

    /// Whether `collect` would not wait.
    pub fn is_ready(&self) -> bool {
        self.receiver.is_ready()
    }

    /// Says stop to the function, and to whoever waits for it.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// The token that cancels this task.
    pub fn cancel_token(&self) -> CancelToken {
        self.token.clone()
    }
}
