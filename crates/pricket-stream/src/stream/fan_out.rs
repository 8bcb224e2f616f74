//! One stream read by several readers, each of whom gets every chunk.
//!
//! No thread stands between: whichever branch finds its own buffer empty reads the stream below and
//! puts a clone into each of the others' buffers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use crate::cancel::Watch;
use crate::source::Source;
use crate::sync::Waiter;
use crate::{AsyncStream, CancelToken, MessageChunk, TryNext};

impl<T: MessageChunk + Clone> AsyncStream<T> {
    /// `n` streams that each carry every chunk of this one.
    ///
    /// A branch that is behind by the stream's capacity holds the others back until it is read,
    /// cancelled or dropped: that is the back-pressure of the slowest reader. So read the branches
    /// on threads of their own, or in turns, not one to its end before the next. When all branches
    /// are dropped, so is the stream below.
    pub fn fan_out(self, n: usize) -> Vec<Self> {
        let capacity = self.capacity().max(1);
        let tokens: Vec<_> = (0..n).map(|_| CancelToken::new()).collect();
        let branch =
            |token: &CancelToken| Some(Branch { buffer: VecDeque::new(), token: token.clone() });
        let core = Arc::new(Core {
            capacity,
            shared: Mutex::new(Shared {
                below: Some(self),
                branches: tokens.iter().map(branch).collect(),
            }),
            waiters: Mutex::new(tokens.iter().map(|_| None).collect()),
        });
        let stream = |(index, token): (usize, CancelToken)| {
            token.watch(&core);
            let source = FanOut { core: Arc::clone(&core), index, token: token.clone() };
            AsyncStream::derived(source, token, capacity)
        };
        tokens.into_iter().enumerate().map(stream).collect()
    }
}

struct Core<T: MessageChunk> {
    capacity: usize,
    // lock: several readers share one stream; the stream below, which a token travels, has none.
    shared: Mutex<Shared<T>>,
    // lock: as above. A lock of its own, because the stream below may wake the branches while one
    // of them holds the other lock to read it; a waiter is always stored under both.
    waiters: Mutex<Vec<Option<Waiter>>>,
}

struct Shared<T: MessageChunk> {
    // None after its end.
    below: Option<AsyncStream<T>>,
    // None where the branch was dropped.
    branches: Vec<Option<Branch<T>>>,
}

struct Branch<T> {
    buffer: VecDeque<T>,
    token: CancelToken,
}

impl<T: MessageChunk> Core<T> {
    fn lock(&self) -> MutexGuard<'_, Shared<T>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiters(&self) -> MutexGuard<'_, Vec<Option<Waiter>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes every branch that waits; none of the locks is held meanwhile.
    fn wake_all(&self) {
        let waiting: Vec<_> = self.waiters().iter_mut().filter_map(Option::take).collect();
        waiting.into_iter().for_each(Waiter::wake);
    }
}

impl<T: MessageChunk> Shared<T> {
    fn branch(&mut self, index: usize) -> Option<&mut Branch<T>> {
        self.branches.get_mut(index)?.as_mut()
    }

    /// Whether every branch that is still read has room for one more chunk.
    fn has_room(&self, capacity: usize) -> bool {
        let mut branches = self.branches.iter().flatten();
        branches.all(|branch| branch.buffer.len() < capacity || branch.token.is_cancelled())
    }
}

/// The stream below has news: each waiting branch looks for itself.
impl<T: MessageChunk> Wake for Core<T> {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}

/// A branch was cancelled: its reader may be parked.
impl<T: MessageChunk> Watch for Core<T> {
    fn cancelled(&self) {
        self.wake_all();
    }
}

struct FanOut<T: MessageChunk> {
    core: Arc<Core<T>>,
    index: usize,
    token: CancelToken,
}

impl<T: MessageChunk + Clone> FanOut<T> {
    /// Reads the stream below once and hands a clone to every other branch.
    fn read_below(&self, shared: &mut Shared<T>) -> TryNext<T> {
        if !shared.has_room(self.core.capacity) {
            return TryNext::Empty;
        }
        let Some(below) = &mut shared.below else {
            return TryNext::Ended;
        };
        match below.try_next() {
            TryNext::Item(chunk) => {
                let others = shared.branches.iter_mut().enumerate();
                for (_, branch) in others.filter(|(index, _)| *index != self.index) {
                    if let Some(branch) = branch.as_mut().filter(|b| !b.token.is_cancelled()) {
                        branch.buffer.push_back(chunk.clone());
                    }
                }
                TryNext::Item(chunk)
            }
            TryNext::Empty => TryNext::Empty,
            TryNext::Ended => {
                shared.below = None;
                TryNext::Ended
            }
        }
    }
}

impl<T: MessageChunk + Clone> Source<T> for FanOut<T> {
    fn poll(&mut self) -> TryNext<T> {
        let mut shared = self.core.lock();
        let buffered = shared.branch(self.index).and_then(|branch| branch.buffer.pop_front());
        let found = match buffered {
            Some(chunk) => TryNext::Item(chunk),
            None if self.token.is_cancelled() => TryNext::Ended,
            None => self.read_below(&mut shared),
        };
        drop(shared);
        // A chunk means news or room for the others, an end means an end for them.
        if !matches!(found, TryNext::Empty) {
            self.core.wake_all();
        }
        found
    }

    fn register(&mut self, waiter: &Waiter) -> bool {
        let mut shared = self.core.lock();
        if let Some(seat) = self.core.waiters().get_mut(self.index) {
            *seat = Some(waiter.clone());
        }
        // Looked at after the waiter is in its seat: a canceller sets the flag, then empties the
        // seats.
        if self.token.is_cancelled() {
            return false;
        }
        if shared.branch(self.index).is_none_or(|branch| !branch.buffer.is_empty()) {
            return false;
        }
        if !shared.has_room(self.core.capacity) {
            // The branch that is behind wakes this one when it reads, is cancelled or dropped.
            return true;
        }
        let Some(below) = &mut shared.below else {
            return false;
        };
        below.register(&Waiter::Waker(Waker::from(Arc::clone(&self.core))))
    }

    fn len(&self) -> usize {
        self.core.lock().branch(self.index).map_or(0, |branch| branch.buffer.len())
    }
}

impl<T: MessageChunk> Drop for FanOut<T> {
    fn drop(&mut self) {
        let mut shared = self.core.lock();
        let gone = shared.branches.get_mut(self.index).and_then(Option::take);
        let is_last = shared.branches.iter().all(Option::is_none);
        let below = if is_last { shared.below.take() } else { None };
        drop(shared);
        // Outside the lock: the chunks and the stream below may run code of their own.
        drop((gone, below));
        self.core.wake_all();
    }
}
