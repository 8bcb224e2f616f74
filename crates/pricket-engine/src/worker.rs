//! The engine's thread: it owns the model, and nothing it touches is shared with another thread but
//! channels and counters.

use std::sync::Arc;

use pricket_models::{Batch, CausalLm, KvCache, Logits};

use crate::queue::Queue;
use crate::sampler::Sampler;
use crate::schedule::{Share, schedule};
use crate::sequence::Sequence;
use crate::stats::Stats;

/// The state of the engine's thread. Every buffer is laid out once and used again in every step.
pub(crate) struct Worker {
    pub(crate) model: Box<dyn CausalLm>,
    pub(crate) cache: KvCache,
    pub(crate) queue: Queue,
    /// In order of arrival.
    #[allow(clippy::vec_box, reason = "one who leaves moves the others, half a kilobyte each")]
    pub(crate) running: Vec<Box<Sequence>>,
    pub(crate) plan: Vec<Share>,
    pub(crate) batch: Batch,
    pub(crate) logits: Logits,
    pub(crate) sampler: Sampler,
    pub(crate) stats: Arc<Stats>,
    pub(crate) sequences_max: usize,
    pub(crate) prefill_chunk: usize,
}

impl Worker {
    /// Takes in, schedules and steps until the engine is dropped. Where there is nothing to do it
    /// parks: whoever submits, reads from a full stream, or leaves one, unparks it.
    pub(crate) fn run(mut self) {
        loop {
            self.queue.take_in();
            if self.queue.is_closed() {
                // What still runs or waits is dropped, and its readers are told.
                return;
            }
            self.retire();
            self.admit();
            let demands = self.running.iter().map(|sequence| sequence.demand());
            schedule(demands, self.prefill_chunk, &mut self.plan);
            if self.plan.is_empty() {
                std::thread::park();
            } else {
                self.step();
            }
        }
    }

    /// Lets the requests that have waited longest begin, as far as there is room.
    fn admit(&mut self) {
        while self.running.len() < self.sequences_max {
            let Some(mut sequence) = self.queue.pop() else { return };
            match self.cache.open_sequence() {
                Ok(id) => {
                    sequence.start(id);
                    self.running.push(sequence);
                }
                Err(error) => sequence.fail(&error.into()),
            }
        }
    }

    /// Takes out those that have ended or that nobody reads any more, and gives back their memory.
    pub(crate) fn retire(&mut self) {
        let cache = &mut self.cache;
        self.running.retain(|sequence| {
            let over = sequence.is_over();
            if over {
                sequence.count_unless_ended();
            }
            if let (true, Some(id)) = (over, sequence.cached_as) {
                cache.close_sequence(id);
            }
            !over
        });
    }
}
