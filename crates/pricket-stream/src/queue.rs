//! The queue between many senders and one reader: a lock-free ring and the protocol around it that
//! parks, wakes and ends.

use std::fmt;

use crate::cancel::Watch;
use crate::limits::CAPACITY_MAX;
use crate::sync::{
    AtomicBool, AtomicUsize, Ordering, Ring, Spin, Waiter, fence, park, ring_changed,
};
use crate::waiters::{ReaderSeat, WaitList};

/// A callback that senders, readers and cancellers may run on their own threads.
pub(crate) type Hook = Box<dyn Fn() + Send + Sync>;

/// Why an item was not taken.
pub(crate) enum Refused<T> {
    /// There is no room at present.
    Full(T),
    /// Nobody will read it.
    Closed(T),
}

/// One queue, shared by its senders and its reader.
pub(crate) struct Queue<T> {
    ring: Ring<T>,
    senders: AtomicUsize,
    closed: AtomicBool,
    reader: ReaderSeat,
    writers: WaitList,
    space_wanted: AtomicBool,
    on_space: Option<Hook>,
    on_close: Option<Hook>,
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.ring.len())
            .field("capacity", &self.ring.capacity())
            .finish_non_exhaustive()
    }
}

impl<T> Queue<T> {
    /// A queue with one sender.
    pub(crate) fn new(capacity: usize, on_space: Option<Hook>, on_close: Option<Hook>) -> Self {
        Self {
            ring: Ring::new(capacity.clamp(1, CAPACITY_MAX)),
            senders: AtomicUsize::new(1),
            closed: AtomicBool::new(false),
            reader: ReaderSeat::new(),
            writers: WaitList::new(),
            space_wanted: AtomicBool::new(false),
            on_space,
            on_close,
        }
    }

    /// Items inside.
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// Items that fit.
    pub(crate) fn capacity(&self) -> usize {
        self.ring.capacity()
    }

    /// Whether nobody will read what is sent.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// One more sender.
    pub(crate) fn add_sender(&self) {
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// One sender less; the last one tells the reader that the end is near.
    pub(crate) fn remove_sender(&self) {
        if self.senders.fetch_sub(1, Ordering::SeqCst) == 1 {
            fence();
            self.reader.wake();
        }
    }

    /// Puts an item in and wakes the reader at once.
    #[inline]
    pub(crate) fn offer(&self, item: T) -> Result<(), Refused<T>> {
        if self.is_closed() {
            return Err(Refused::Closed(item));
        }
        match self.ring.push(item) {
            Ok(()) => {
                ring_changed();
                self.reader.wake();
                Ok(())
            }
            Err(item) => Err(Refused::Full(item)),
        }
    }

    /// As [`offer`](Self::offer); where it is refused for lack of room, `on_space` will be called.
    pub(crate) fn offer_or_ask(&self, item: T) -> Result<(), Refused<T>> {
        match self.offer(item) {
            Err(Refused::Full(item)) if self.on_space.is_some() => {
                self.space_wanted.store(true, Ordering::SeqCst);
                fence();
                // The reader may have made room before it could see the mark.
                self.offer(item)
            }
            other => other,
        }
    }

    /// `on_space` will be called after the next item is taken out.
    pub(crate) fn ask_for_space(&self) {
        self.space_wanted.store(true, Ordering::SeqCst);
        fence();
    }

    /// Puts an item in, and waits for room where there is none. Gives it back when the queue
    /// closes.
    #[inline]
    pub(crate) fn put(&self, item: T) -> Result<(), T> {
        if self.is_closed() {
            return Err(item);
        }
        match self.ring.push(item) {
            Ok(()) => {
                ring_changed();
                self.reader.wake();
                Ok(())
            }
            Err(item) => self.put_in_time(item),
        }
    }

    /// The slow half of `put`: the queue was full a moment ago. Out of the item's way, because
    /// every place where an item may have to be kept for another try costs a copy of it.
    #[cold]
    fn put_in_time(&self, mut item: T) -> Result<(), T> {
        let spin = Spin::new();
        loop {
            if !spin.again() {
                let ticket = self.writers.register(Waiter::me());
                let is_stuck = || self.ring.is_full() && !self.is_closed();
                // Once more, now that a wake-up is sure to come: one that comes while this thread
                // is awake costs the reader no call of the system.
                let spin = Spin::new();
                while is_stuck() && spin.again() {}
                if is_stuck() {
                    park();
                }
                self.writers.leave(&ticket);
            }
            item = match self.offer(item) {
                Ok(()) => return Ok(()),
                Err(Refused::Closed(item)) => return Err(item),
                Err(Refused::Full(item)) => item,
            };
        }
    }

    /// Takes the oldest item out and makes its room known.
    #[inline]
    pub(crate) fn take(&self) -> Option<T> {
        let item = self.ring.pop()?;
        ring_changed();
        self.writers.wake_one();
        if let Some(hook) = &self.on_space
            && self.space_wanted.load(Ordering::SeqCst)
            && self.space_wanted.swap(false, Ordering::SeqCst)
        {
            hook();
        }
        Some(item)
    }

    /// Whether no sender is left, or the reader's side was closed: what is inside is all there is.
    pub(crate) fn is_finished(&self) -> bool {
        self.senders.load(Ordering::SeqCst) == 0 || self.is_closed()
    }

    /// Registers the reader; true if it may park, false if there is something to read or to learn.
    pub(crate) fn register_reader(&self, waiter: Waiter) -> bool {
        self.reader.register(waiter);
        if self.ring.is_empty() && !self.is_finished() {
            return true;
        }
        self.reader.leave();
        false
    }

    /// Refuses all further items, wakes everybody, and calls `on_close` the first time.
    pub(crate) fn close(&self) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        // `wake_all` fences.
        self.writers.wake_all();
        self.reader.wake();
        if let Some(hook) = &self.on_close {
            hook();
        }
    }

    /// Drops what nobody will read.
    pub(crate) fn drain(&self) {
        while self.ring.pop().is_some() {}
    }
}

impl<T: Send> Watch for Queue<T> {
    fn cancelled(&self) {
        self.close();
    }
}
