//! The requests that wait for their first step, in order of arrival.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError};

use crate::event::Event;
use crate::sequence::Sequence;

/// The waiting requests, and the channel that they come by.
pub(crate) struct Queue {
    inbox: Receiver<Event>,
    waiting: VecDeque<Box<Sequence>>,
    /// Whether no more will come.
    closed: bool,
}

impl Queue {
    pub(crate) fn new(inbox: Receiver<Event>, queue_len_max: usize) -> Self {
        Self { inbox, waiting: VecDeque::with_capacity(queue_len_max.min(1024)), closed: false }
    }

    /// Takes in what has arrived, and drops those whose readers have left. Never waits. The length
    /// is bounded where requests are submitted (`Stats::enqueue`).
    pub(crate) fn take_in(&mut self) {
        while !self.closed {
            match self.inbox.try_recv() {
                Ok(Event::Submit(sequence)) => self.waiting.push_back(sequence),
                Err(TryRecvError::Empty) => break,
                Ok(Event::Shutdown) | Err(TryRecvError::Disconnected) => self.closed = true,
            }
        }
        self.waiting.retain_mut(|sequence| !sequence.is_abandoned());
    }

    /// Whether the engine is being dropped.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes out the request that has waited longest of those that may begin.
    pub(crate) fn pop(
        &mut self,
        mut may_begin: impl FnMut(&Sequence) -> bool,
    ) -> Option<Box<Sequence>> {
        let index = self.waiting.iter().position(|sequence| may_begin(sequence))?;
        self.waiting.remove(index)
    }
}
