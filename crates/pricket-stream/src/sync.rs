//! The primitives below the queue: those of std and crossbeam, or under `cfg(loom)` those of loom,
//! so that the model checker runs the very protocol that ships.

#[cfg(loom)]
pub(crate) mod modelled;
#[cfg(not(loom))]
mod native;

use std::task::Waker;

#[cfg(loom)]
pub(crate) use modelled::*;
#[cfg(not(loom))]
pub(crate) use native::*;

/// Somebody who waits: a parked thread, or whoever stands behind a waker.
#[derive(Debug, Clone)]
pub(crate) enum Waiter {
    /// A thread that parks itself after it has registered.
    Thread(Thread),
    /// A waker: of a foreign executor, or of an adapter with several readers.
    Waker(Waker),
}

impl Waiter {
    /// The calling thread.
    pub(crate) fn me() -> Self {
        Self::Thread(current())
    }

    /// Wakes it. A wake-up too many is harmless: every waiter looks again before it believes.
    pub(crate) fn wake(self) {
        match self {
            Self::Thread(thread) => thread.unpark(),
            Self::Waker(waker) => waker.wake(),
        }
    }
}
