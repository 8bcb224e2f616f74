//! The engine's thread: it owns the model, and nothing it touches is shared with another thread but
//! channels and counters.

use std::sync::Arc;

use pricket_models::{Batch, BlockId, CausalLm, KV_BLOCK_TOKENS, KvCache, Logits};

use crate::EngineError;
use crate::prefix::PrefixTree;
use crate::queue::Queue;
use crate::sampler::Sampler;
use crate::schedule::{Share, schedule};
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
            let Self { queue, running, prefixes, blocks, .. } = self;
            let may_begin = |sequence: &Sequence| {
                let Some(prefixes) = prefixes.as_mut() else { return true };
                let coming = running.iter().map(|leader| leader.coming_for(sequence)).max();
                // What is being computed is waited for, unless as much is known.
                let coming = coming.unwrap_or(0);
                coming == 0 || prefixes.find(sequence.wanted(), blocks) >= coming
            };
            let Some(mut sequence) = queue.pop(may_begin) else { return };
            match self.begin(&mut sequence) {
                Ok(()) => self.running.push(sequence),
                Err(error) => sequence.fail(&error),
            }
        }
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
