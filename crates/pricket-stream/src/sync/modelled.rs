//! What loom explores: the same protocol over a ring that promises less than crossbeam's.
//!
//! The ring's items stand behind loom's mutex, but `is_empty` and `is_full` read a length of their
//! own with relaxed order: a lock there would carry the very ordering that the fences have to
//! provide, and the model would pass without them. Parking has a token of its own, because loom's
//! forgets an early `unpark` when the thread waits for a mutex in between.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub(crate) use loom::sync::{Mutex, MutexGuard};

std::thread_local! {
    static FENCED: Cell<bool> = const { Cell::new(true) };
}

/// Takes the fences out of the protocol, to show that the model notices.
pub fn set_fences(on: bool) {
    FENCED.with(|fenced| fenced.set(on));
}

loom::thread_local! {
    static ME: Thread = Thread(Arc::new(Parker {
        is_awake: Mutex::new(false),
        woken: loom::sync::Condvar::new(),
    }));
}

/// A thread of the model, which remembers one early `unpark` as std's does.
#[derive(Clone)]
pub(crate) struct Thread(Arc<Parker>);

struct Parker {
    // lock: exists only under cfg(loom).
    is_awake: Mutex<bool>,
    woken: loom::sync::Condvar,
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Thread")
    }
}

impl Thread {
    /// Wakes the thread, or spares it its next sleep.
    pub(crate) fn unpark(self) {
        *lock(&self.0.is_awake) = true;
        self.0.woken.notify_one();
    }
}

/// The calling thread.
pub(crate) fn current() -> Thread {
    ME.with(Thread::clone)
}

/// Sleeps until somebody calls `unpark`.
pub(crate) fn park() {
    let me = current();
    let mut is_awake = lock(&me.0.is_awake);
    while !*is_awake {
        is_awake = match me.0.woken.wait(is_awake) {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        };
    }
    *is_awake = false;
}

/// Time does not pass in a model: waits for a wake-up.
pub(crate) fn park_until(_deadline: Instant) {
    park();
}

/// Orders a change of the ring before what follows it: loom knows sequentially consistent order by
/// fences only.
pub(crate) fn ring_changed() {
    fence();
}

/// The fence of the waiting side, unless the test took it out.
pub(crate) fn fence() {
    if FENCED.with(Cell::get) {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }
}

/// Locks; a poisoned lock cannot be met, because a panic ends the model.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}

/// The ring of the model.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    // lock: exists only under cfg(loom), in place of crossbeam's lock-free ring.
    items: Mutex<VecDeque<T>>,
    len: AtomicUsize,
    capacity: usize,
}

impl<T> Ring<T> {
    /// Room for `capacity` items, which is at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            items: Mutex::new(VecDeque::new()),
            len: AtomicUsize::new(0),
            capacity: capacity.max(1),
        }
    }

    /// Appends, or gives the item back when there is no room.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut items = lock(&self.items);
        if items.len() == self.capacity {
            return Err(item);
        }
        items.push_back(item);
        self.len.store(items.len(), Ordering::Relaxed);
        Ok(())
    }

    /// The oldest item.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut items = lock(&self.items);
        let item = items.pop_front()?;
        self.len.store(items.len(), Ordering::Relaxed);
        Some(item)
    }

    /// Whether there is nothing to pop.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room to push.
    pub(crate) fn is_full(&self) -> bool {
        self.len() == self.capacity
    }

    /// Items inside, or inside a moment ago.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Items that fit.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }
}

/// A place for one value.
#[derive(Debug)]
pub(crate) struct Slot<T>(
    // lock: exists only under cfg(loom).
    Mutex<Option<T>>,
);

impl<T> Slot<T> {
    /// An empty place.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Puts a value in, in place of what is there.
    pub(crate) fn put(&self, value: T) {
        *lock(&self.0) = Some(value);
    }

    /// Takes the value out.
    pub(crate) fn take(&self) -> Option<T> {
        lock(&self.0).take()
    }
}

/// No tries: the model explores the schedules by itself.
#[derive(Debug)]
pub(crate) struct Spin;

impl Spin {
    /// No try made yet.
    pub(crate) fn new() -> Self {
        Self
    }

    /// Always time to park.
    pub(crate) fn again(&self) -> bool {
        false
    }
}
