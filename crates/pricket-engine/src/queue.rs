//! The requests that wait for their first step, by rank.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

use crate::event::Event;
use crate::limits::AGING_MS;
use crate::schedule::Rank;
use crate::sequence::Sequence;

/// The waiting requests, and the channel that they come by.
pub(crate) struct Queue {
    inbox: Receiver<Event>,
    /// By rising rank.
    waiting: VecDeque<Box<Sequence>>,
    /// What ranks count their time from.
    began: Instant,
    /// How many have arrived.
    arrivals: u64,
    /// Whether no more will come.
    closed: bool,
}

impl Queue {
    pub(crate) fn new(inbox: Receiver<Event>, queue_len_max: usize) -> Self {
        Self {
            inbox,
            waiting: VecDeque::with_capacity(queue_len_max.min(1024)),
            began: Instant::now(),
            arrivals: 0,
            closed: false,
        }
    }

    /// Takes in what has arrived, and drops those whose readers have left. Never waits. The length
    /// is bounded where requests are submitted (`Stats::enqueue`).
    pub(crate) fn take_in(&mut self) {
        while !self.closed {
            match self.inbox.try_recv() {
                Ok(Event::Submit(mut sequence)) => {
                    let submitted_ms = sequence.clock.submitted_ms(self.began);
                    sequence.rank = Rank::new(submitted_ms, 0, AGING_MS, self.arrivals);
                    self.arrivals += 1;
                    self.insert(sequence);
                }
                Err(TryRecvError::Empty) => break,
                Ok(Event::Shutdown) | Err(TryRecvError::Disconnected) => self.closed = true,
            }
        }
        self.waiting.retain_mut(|sequence| {
            let abandoned = sequence.is_abandoned();
            if abandoned {
                // One that gave way has used something.
                sequence.count_unless_ended();
            }
            !abandoned
        });
    }

    /// Whether the engine is being dropped.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Lets a request wait, at the place of its rank.
    pub(crate) fn insert(&mut self, sequence: Box<Sequence>) {
        let place = self.waiting.partition_point(|other| other.rank < sequence.rank);
        self.waiting.insert(place, sequence);
    }

    /// The requests, best first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Sequence> {
        self.waiting.iter().map(Box::as_ref)
    }

    /// The requests at these places.
    pub(crate) fn among(&self, places: &[usize]) -> impl Iterator<Item = &Sequence> {
        places.iter().filter_map(|&place| self.waiting.get(place)).map(Box::as_ref)
    }

    /// Takes out the request at a place.
    pub(crate) fn take(&mut self, place: usize) -> Option<Box<Sequence>> {
        self.waiting.remove(place)
    }
}
