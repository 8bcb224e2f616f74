//! Those who wait at one end of a queue.
//!
//! The order of things is the same everywhere, and it is the whole argument that no wake-up is
//! lost:
//!
//! ```text
//! waiter   1 sets its mark           2 looks at the queue   3 parks if it must
//! waker    1 changes the queue       2 looks at the mark    3 wakes if it is set
//! ```
//!
//! All four accesses are sequentially consistent, so they stand in one order that both sides agree
//! on. If the mark is set before the waker looks at it, the waker wakes. If the waker looks first,
//! its change came before that look, and so before the waiter's look, and the waiter does not park.
//! With anything weaker both looks may read old values, and a thread sleeps for ever:
//! `tests/loom.rs` shows both. The ring's part in this order is `sync::ring_changed`; fences stand
//! where a thread is about to park or a queue to end, never where an item passes.

use std::collections::VecDeque;

use crate::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, Slot, Waiter, fence, lock};

/// The one reader of a stream. No lock: a reader that waits for each token is woken on the token
/// path.
#[derive(Debug)]
pub(crate) struct ReaderSeat {
    waiting: AtomicBool,
    waiter: Slot<Waiter>,
}

impl ReaderSeat {
    /// Nobody waits.
    pub(crate) fn new() -> Self {
        Self { waiting: AtomicBool::new(false), waiter: Slot::new() }
    }

    /// Registers the reader. The caller looks at the queue afterwards, before it parks.
    ///
    /// A waker that is late from an earlier round may take this registration away. It wakes the
    /// reader for nothing then, and the reader registers anew before it parks again.
    pub(crate) fn register(&self, waiter: Waiter) {
        self.waiter.put(waiter);
        // Exchanges and no plain stores, here and in `leave`: each change of the mark then follows
        // the one before it, also in loom's eyes, and costs nothing to a thread that is about to
        // park.
        self.waiting.swap(true, Ordering::SeqCst);
        fence();
    }

    /// Takes the mark back, because the reader found something to do.
    pub(crate) fn leave(&self) {
        self.waiting.swap(false, Ordering::SeqCst);
    }

    /// Wakes the reader if it waits. The caller has changed the queue before, and called
    /// `ring_changed` or `fence`.
    #[inline]
    pub(crate) fn wake(&self) {
        if self.waiting.load(Ordering::SeqCst) {
            self.wake_waiting();
        }
    }

    /// The rare half of `wake`, out of the item's way.
    #[cold]
    fn wake_waiting(&self) {
        if self.waiting.swap(false, Ordering::SeqCst)
            && let Some(waiter) = self.waiter.take()
        {
            waiter.wake();
        }
    }
}

/// Many who wait, woken in the order in which they came.
#[derive(Debug)]
pub(crate) struct WaitList {
    count: AtomicUsize,
    // lock: taken to park and to wake a parked thread, never to send or to read an item; on a
    // stream only writers stand here, who wait because they are ahead of the reader.
    queue: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    next: u64,
    waiters: VecDeque<(u64, Waiter)>,
}

/// A place in the line.
#[derive(Debug)]
pub(crate) struct Ticket(u64);

impl WaitList {
    /// Nobody waits.
    pub(crate) fn new() -> Self {
        // Room for the usual one, so that the first wait in the middle of a stream allocates
        // nothing.
        let line = Line { next: 0, waiters: VecDeque::with_capacity(1) };
        Self { count: AtomicUsize::new(0), queue: Mutex::new(line) }
    }

    /// Registers a waiter. The caller looks at the queue afterwards, before it parks.
    pub(crate) fn register(&self, waiter: Waiter) -> Ticket {
        let mut line = lock(&self.queue);
        let ticket = line.next;
        line.next = line.next.wrapping_add(1);
        line.waiters.push_back((ticket, waiter));
        self.count.store(line.waiters.len(), Ordering::SeqCst);
        drop(line);
        fence();
        Ticket(ticket)
    }

    /// Leaves the line, after parking or instead of it.
    pub(crate) fn leave(&self, ticket: &Ticket) {
        let mut line = lock(&self.queue);
        line.waiters.retain(|(id, _)| *id != ticket.0);
        self.count.store(line.waiters.len(), Ordering::SeqCst);
    }

    /// Wakes who came first. The caller has changed the queue before, and called
    /// `ring_changed`.
    #[inline]
    pub(crate) fn wake_one(&self) {
        if self.count.load(Ordering::SeqCst) != 0 {
            self.wake_first();
        }
    }

    /// The rare half of `wake_one`, out of the item's way.
    #[cold]
    fn wake_first(&self) {
        let mut line = lock(&self.queue);
        let first = line.waiters.pop_front();
        self.count.store(line.waiters.len(), Ordering::SeqCst);
        drop(line);
        if let Some((_, waiter)) = first {
            waiter.wake();
        }
    }

    /// Wakes everybody. The caller has changed the queue before.
    pub(crate) fn wake_all(&self) {
        fence();
        let mut line = lock(&self.queue);
        let waiters = std::mem::take(&mut line.waiters);
        self.count.store(0, Ordering::SeqCst);
        drop(line);
        for (_, waiter) in waiters {
            waiter.wake();
        }
    }
}
