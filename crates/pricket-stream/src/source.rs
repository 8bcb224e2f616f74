//! What a stream reads from: a queue, or another stream through an adapter.

use std::sync::Arc;

use crate::cancel::CancelToken;
use crate::pool::JobTicket;
use crate::queue::Queue;
use crate::stream::TryNext;
use crate::sync::Waiter;

/// Something that can be asked without waiting, and that tells a waiter when to ask again.
pub(crate) trait Source<T>: Send {
    /// The next item, if there is one now.
    fn poll(&mut self) -> TryNext<T>;

    /// Registers who waits; true if it may park, false if asking again is worth it now.
    fn register(&mut self, waiter: &Waiter) -> bool;

    /// Items that can be read without waiting, as far as is known.
    fn len(&self) -> usize;
}

/// The reading end of a queue. Dropping it closes the queue and takes back a job that has not
/// started.
#[derive(Debug)]
pub(crate) struct Reader<T> {
    queue: Arc<Queue<T>>,
    job: Option<JobTicket>,
}

impl<T> Reader<T> {
    /// The one reader of `queue`.
    pub(crate) fn new(queue: Arc<Queue<T>>) -> Self {
        Self { queue, job: None }
    }

    /// Remembers who fills the queue.
    pub(crate) fn produced_by(&mut self, job: Option<JobTicket>) {
        self.job = job;
    }

    /// Closes the queue when `token` is cancelled.
    pub(crate) fn closed_by(&self, token: &CancelToken)
    where
        T: Send + 'static,
    {
        token.watch(&self.queue);
    }

    /// The next item, if there is one now.
    #[inline]
    pub(crate) fn take(&self) -> Option<T> {
        self.queue.take()
    }

    /// Whether `poll` would give an item or the end.
    pub(crate) fn is_ready(&self) -> bool {
        self.queue.is_finished() || self.queue.len() > 0
    }
}

impl<T: Send> Source<T> for Reader<T> {
    fn poll(&mut self) -> TryNext<T> {
        if let Some(item) = self.queue.take() {
            return TryNext::Item(item);
        }
        if !self.queue.is_finished() {
            return TryNext::Empty;
        }
        // The last sender may have sent between the two looks; after it, nobody does.
        match self.queue.take() {
            Some(item) => TryNext::Item(item),
            None => TryNext::Ended,
        }
    }

    fn register(&mut self, waiter: &Waiter) -> bool {
        if let Some(job) = self.job.take() {
            job.ensure_runs();
            self.job = Some(job);
        }
        self.queue.register_reader(waiter.clone())
    }

    fn len(&self) -> usize {
        self.queue.len()
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(job) = self.job.take() {
            job.withdraw();
        }
        self.queue.drain();
    }
}
