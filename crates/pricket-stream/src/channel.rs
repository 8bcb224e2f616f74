//! A bounded channel between many threads, every one of which may send and receive.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::limits::CAPACITY_MAX;
use crate::sync::{AtomicBool, Ordering, Ring, Spin, Waiter, park, park_until, ring_changed};
use crate::waiters::WaitList;
use crate::{SendError, TryNext, TrySendError};

/// A bounded channel that is `Send`, `Sync` and `Clone` as a whole: keep one in a struct, and the
/// struct may still be shared. Each item goes to one receiver.
///
/// As every handle can send, no drop can end it: [`close`](Self::close) does. Receivers then get
/// what is left, and the end.
///
/// ```
/// use pricket_stream::Channel;
///
/// let jobs = Channel::bounded(4);
/// let worker = {
///     let jobs = jobs.clone();
///     std::thread::spawn(move || std::iter::from_fn(|| jobs.recv()).sum::<u32>())
/// };
/// for n in 1..=10 {
///     assert!(jobs.send(n).is_ok());
/// }
/// jobs.close();
/// assert_eq!(worker.join().ok(), Some(55));
/// ```
pub struct Channel<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    ring: Ring<T>,
    closed: AtomicBool,
    readers: WaitList,
    writers: WaitList,
}

impl<T> Clone for Channel<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}

impl<T: Send> Channel<T> {
    /// Sends an item; waits while the channel is full. Fails once it is closed.
    #[inline]
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        match self.try_send(item) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(item)) => Err(SendError(item)),
            Err(TrySendError::Full(item)) => self.send_in_time(item),
        }
    }

    /// The slow half of `send`: the channel was full a moment ago.
    #[cold]
    fn send_in_time(&self, mut item: T) -> Result<(), SendError<T>> {
        let spin = Spin::new();
        loop {
            if !spin.again() {
                let ticket = self.shared.writers.register(Waiter::me());
                if self.shared.ring.is_full() && !self.is_closed() {
                    park();
                }
                self.shared.writers.leave(&ticket);
            }
            item = match self.try_send(item) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(item)) => return Err(SendError(item)),
                Err(TrySendError::Full(item)) => item,
            };
        }
    }

    /// Sends an item if there is room now.
    #[inline]
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        if self.is_closed() {
            return Err(TrySendError::Closed(item));
        }
        self.shared.ring.push(item).map_err(TrySendError::Full)?;
        ring_changed();
        self.shared.readers.wake_one();
        Ok(())
    }

    /// The oldest item, for which it waits; `None` once the channel is closed and empty.
    #[inline]
    pub fn recv(&self) -> Option<T> {
        self.take().or_else(|| self.wait(None).item())
    }

    /// The oldest item, for which it waits at most `timeout`; `Empty` when the time is over.
    pub fn recv_timeout(&self, timeout: Duration) -> TryNext<T> {
        self.wait(Instant::now().checked_add(timeout))
    }

    /// The oldest item, if there is one now.
    pub fn try_recv(&self) -> TryNext<T> {
        if let Some(item) = self.take() {
            return TryNext::Item(item);
        }
        if !self.is_closed() {
            return TryNext::Empty;
        }
        // What was sent between the two looks is not lost.
        self.take().map_or(TryNext::Ended, TryNext::Item)
    }

    #[inline]
    fn take(&self) -> Option<T> {
        let item = self.shared.ring.pop()?;
        ring_changed();
        self.shared.writers.wake_one();
        Some(item)
    }

    fn wait(&self, deadline: Option<Instant>) -> TryNext<T> {
        let spin = Spin::new();
        loop {
            match self.try_recv() {
                TryNext::Empty => {}
                found => return found,
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return TryNext::Empty;
            }
            if spin.again() {
                continue;
            }
            let ticket = self.shared.readers.register(Waiter::me());
            if self.shared.ring.is_empty() && !self.is_closed() {
                match deadline {
                    Some(deadline) => park_until(deadline),
                    None => park(),
                }
            }
            self.shared.readers.leave(&ticket);
        }
    }
}

impl<T> Channel<T> {
    /// A channel that holds `items` items, from 1 to
    /// [`CAPACITY_MAX`](crate::limits::CAPACITY_MAX); a number outside is brought to the nearer
    /// end.
    pub fn bounded(items: usize) -> Self {
        let shared = Shared {
            ring: Ring::new(items.clamp(1, CAPACITY_MAX)),
            closed: AtomicBool::new(false),
            readers: WaitList::new(),
            writers: WaitList::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Refuses all further items and lets receivers come to an end.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.writers.wake_all();
        self.shared.readers.wake_all();
    }

    /// Whether somebody closed it.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::SeqCst)
    }

    /// Items inside.
    pub fn len(&self) -> usize {
        self.shared.ring.len()
    }

    /// Whether nothing is inside now.
    pub fn is_empty(&self) -> bool {
        self.shared.ring.is_empty()
    }

    /// Items that fit.
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity()
    }
}
