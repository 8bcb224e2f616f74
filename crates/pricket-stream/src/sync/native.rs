//! What ships: std's atomics and threads, crossbeam's ring.

use std::sync::PoisonError;
use std::time::Instant;

pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::thread::{Thread, current, park};

use crossbeam_queue::ArrayQueue;
use crossbeam_utils::Backoff;

/// Parks until `deadline`, or until somebody wakes this thread.
pub(crate) fn park_until(deadline: Instant) {
    std::thread::park_timeout(deadline.saturating_duration_since(Instant::now()));
}

/// Orders a change of the ring before what follows it. Nothing to do here: crossbeam's ring moves
/// its indices by sequentially consistent exchanges, and `is_empty` and `is_full` read the indices
/// in the same order. The manifest pins the version for which this was read.
pub(crate) fn ring_changed() {}

/// The fence of the waiting side, which is about to park and has the time.
pub(crate) fn fence() {
    std::sync::atomic::fence(Ordering::SeqCst);
}

/// Locks, also after a panic elsewhere: what is guarded here is valid after every statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A bounded queue without locks, for many senders and many readers.
#[derive(Debug)]
pub(crate) struct Ring<T>(ArrayQueue<T>);

impl<T> Ring<T> {
    /// Room for `capacity` items, which is at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        Self(ArrayQueue::new(capacity.max(1)))
    }

    /// Appends, or gives the item back when there is no room.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        self.0.push(item)
    }

    /// The oldest item.
    pub(crate) fn pop(&self) -> Option<T> {
        self.0.pop()
    }

    /// Whether there is nothing to pop.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is no room to push.
    pub(crate) fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// Items inside.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Items that fit.
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

/// A place for one value that any thread may put and any thread may take, without a lock.
#[derive(Debug)]
pub(crate) struct Slot<T>(ArrayQueue<T>);

impl<T> Slot<T> {
    /// An empty place.
    pub(crate) fn new() -> Self {
        Self(ArrayQueue::new(1))
    }

    /// Puts a value in, in place of what is there.
    pub(crate) fn put(&self, value: T) {
        self.0.force_push(value);
    }

    /// Takes the value out.
    pub(crate) fn take(&self) -> Option<T> {
        self.0.pop()
    }
}

/// A few tries before a thread parks: a peer that is about to act is cheaper to meet awake.
#[derive(Debug)]
pub(crate) struct Spin(Backoff);

impl Spin {
    /// No try made yet.
    pub(crate) fn new() -> Self {
        Self(Backoff::new())
    }

    /// Waits a little; false when it is time to park.
    pub(crate) fn again(&self) -> bool {
        if self.0.is_completed() {
            return false;
        }
        self.0.snooze();
        true
    }
}
