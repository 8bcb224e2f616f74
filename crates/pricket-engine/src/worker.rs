//! The engine's thread: it owns the model, and nothing it touches is shared with another thread but
//! channels and counters.

use std::sync::Arc;

use pricket_models::{Batch, BlockId, CausalLm, KV_BLOCK_TOKENS, KvCache, Logits};

use crate::EngineError;
use crate::prefix::PrefixTree;
use crate::queue::Queue;
use crate::sampler::Sampler;
use crate::schedule::{Limits, Plan, Running, State, Waiting, schedule};
use crate::sequence::Sequence;
use crate::stats::Stats;

/// The state of the engine's thread. Every buffer is laid out once and used again in every step.
pub(crate) struct Worker {
    pub(crate) model: Box<dyn CausalLm>,
    pub(crate) cache: KvCache,
    /// What earlier requests left; none where the options or the backend say so.
    pub(crate) prefixes: Option<PrefixTree>,
    /// Blocks of one sequence.
    pub(crate) blocks: Vec<BlockId>,
    pub(crate) queue: Queue,
    /// In the order in which they began.
    #[allow(clippy::vec_box, reason = "one who leaves moves the others, half a kilobyte each")]
    pub(crate) running: Vec<Box<Sequence>>,
    /// What the scheduler sees of those that run.
    pub(crate) demands: Vec<Running>,
    /// What it sees of those that may begin, and their places in the queue.
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) places: Vec<usize>,
    pub(crate) plan: Plan,
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
            self.schedule();
            if !self.admit() {
                continue;
            }
            if self.plan.shares.is_empty() {
                std::thread::park();
            } else {
                self.step();
            }
        }
    }

    /// Plans the next step. The cache has blocks for as many sequences as may run, each as long as
    /// the context, so there are as many as are asked for and nobody gives way.
    fn schedule(&mut self) {
        self.demands.clear();
        self.demands.extend(self.running.iter().map(|sequence| sequence.running()));
        self.show_waiting();
        let state =
            State { running: &self.demands, waiting: &self.waiting, blocks_free: usize::MAX / 2 };
        let limits = Limits {
            block_tokens: KV_BLOCK_TOKENS,
            sequences_max: self.sequences_max,
            prefill_tokens_max: self.prefill_chunk,
            stalled_ms_max: u64::MAX,
        };
        schedule(&state, &limits, &mut self.plan);
    }

    /// Those of the waiting ones that may begin, as many as there are places. What is being
    /// computed for one that runs, or that begins before it, is waited for, unless as much is
    /// known.
    fn show_waiting(&mut self) {
        let Self { queue, running, prefixes, blocks, waiting, places, .. } = self;
        waiting.clear();
        places.clear();
        let free = self.sequences_max.saturating_sub(running.len());
        if free == 0 {
            return;
        }
        for (place, sequence) in queue.iter().enumerate() {
            let mut cached = 0;
            if let Some(prefixes) = prefixes.as_mut() {
                let shown = queue.among(places);
                let leaders = running.iter().map(Box::as_ref).chain(shown);
                let coming = leaders.map(|leader| leader.coming_for(sequence)).max().unwrap_or(0);
                cached = prefixes.find(sequence.wanted(), blocks);
                if cached < coming {
                    continue;
                }
            }
            waiting.push(sequence.waiting(cached));
            places.push(place);
            if waiting.len() == free {
                return;
            }
        }
    }

    /// Lets those begin that the plan admits. Where one cannot, it ends, and false says that the
    /// plan no longer fits.
    fn admit(&mut self) -> bool {
        for earlier in 0..self.plan.admit {
            let Some(place) = self.places.get(earlier) else { return false };
            // Those before it have left the queue.
            let Some(mut sequence) = self.queue.take(place - earlier) else { return false };
            match self.begin(&mut sequence) {
                Ok(()) => self.running.push(sequence),
                Err(error) => {
                    sequence.fail(&error);
                    return false;
                }
            }
        }
        true
    }

    /// Gives a sequence its place in the cache, with what is known there of its prompt.
    fn begin(&mut self, sequence: &mut Sequence) -> Result<(), EngineError> {
        let id = self.cache.open_sequence()?;
        sequence.start(id);
        let Some(prefixes) = &mut self.prefixes else { return Ok(()) };
        let mut len = prefixes.find(sequence.wanted(), &mut self.blocks);
        self.cache.adopt(id, &self.blocks, len)?;
        // What is added within the last block is added to a copy, which wants room of its own.
        let copied = self.cache.own_tail(id).or_else(|_| {
            prefixes.evict(1, &mut self.cache);
            self.cache.own_tail(id)
        });
        if copied.is_err() {
            len -= len % KV_BLOCK_TOKENS;
            self.cache.truncate(id, len)?;
        }
        sequence.adopt(len);
        Ok(())
    }

    /// Enters what a sequence has computed, for those that begin alike.
    pub(crate) fn remember(
        prefixes: &mut Option<PrefixTree>,
        cache: &mut KvCache,
        blocks: &mut Vec<BlockId>,
        sequence: &Sequence,
        tokens: usize,
    ) {
        let (Some(prefixes), Some(id)) = (prefixes, sequence.cached_as) else { return };
        blocks.clear();
        blocks.extend_from_slice(cache.blocks(id));
        prefixes.insert(sequence.tokens.get(..tokens).unwrap_or(&[]), blocks, cache);
    }

    /// Takes out those that have ended or that nobody reads any more, and gives back their memory.
    pub(crate) fn retire(&mut self) {
        let Self { cache, prefixes, blocks, .. } = self;
        self.running.retain(|sequence| {
            let over = sequence.is_over();
            if over {
                sequence.count_unless_ended();
            }
            if let (true, Some(id)) = (over, sequence.cached_as) {
                if !sequence.failed {
                    Self::remember(prefixes, cache, blocks, sequence, sequence.computed);
                }
                cache.close_sequence(id);
            }
            !over
        });
    }
}
