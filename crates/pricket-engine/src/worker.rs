//! The engine's thread: it owns the model, and nothing it touches is shared with another thread but
//! channels and counters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pricket_models::{Batch, BlockId, CausalLm, KV_BLOCK_TOKENS, KvCache, Logits};

use crate::EngineError;
use crate::limits::STALLED_MS_MAX;
use crate::prefix::PrefixTree;
use crate::queue::Queue;
use crate::sampler::Sampler;
use crate::schedule::{Limits, Plan, Running, State, StepBudget, Waiting, schedule};
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
    /// How many prompt tokens a step bears.
    pub(crate) budget: StepBudget,
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
            if let Some(index) = self.plan.preempt {
                self.preempt(index);
                continue;
            }
            if !self.admit() {
                continue;
            }
            if !self.plan.shares.is_empty() {
                self.step();
            } else if self.waiting.is_empty() {
                std::thread::park();
            } else {
                // A reader that is behind for long enough gives way, and nobody says when.
                std::thread::park_timeout(Duration::from_millis(STALLED_MS_MAX));
            }
        }
    }

    /// Plans the next step.
    fn schedule(&mut self) {
        let (cache, now) = (&self.cache, Instant::now());
        self.demands.clear();
        self.demands.extend(self.running.iter_mut().map(|sequence| sequence.running(cache, now)));
        self.show_waiting();
        let decoding = self.demands.iter().filter(|running| running.decoding && running.has_room());
        let limits = Limits {
            block_tokens: KV_BLOCK_TOKENS,
            sequences_max: self.sequences_max,
            prefill_tokens_max: self.budget.prompt_tokens(decoding.count()),
            stalled_ms_max: STALLED_MS_MAX,
        };
        let state = State {
            running: &self.demands,
            waiting: &self.waiting,
            blocks_free: self.cache.blocks_free() + self.cache.blocks_idle(),
        };
        schedule(&state, &limits, &mut self.plan);
    }

    /// Takes a running one's place and blocks. It waits again, and what it has computed is computed
    /// again, unless it is still kept by then.
    fn preempt(&mut self, index: usize) {
        let mut sequence = self.running.remove(index);
        let Self { cache, prefixes, blocks, .. } = self;
        Self::remember(prefixes, cache, blocks, &sequence, sequence.computed);
        if let Some(id) = sequence.give_way() {
            cache.close_sequence(id);
        }
        self.stats.count_preemption();
        self.queue.insert(sequence);
    }

    /// Those of the waiting ones that may begin, as many as there are places. What is being
    /// computed for one that runs, or that begins before it, is waited for, unless as much is
    /// known.
    fn show_waiting(&mut self) {
        let Self { cache, queue, running, prefixes, blocks, waiting, places, .. } = self;
        waiting.clear();
        places.clear();
        // One at least, for whom one whose reader is behind may give way.
        let shown_max = self.sequences_max.saturating_sub(running.len()).max(1);
        for (place, sequence) in queue.iter().enumerate() {
            if !sequence.has_room() {
                continue;
            }
            let mut cached = 0;
            blocks.clear();
            if let Some(prefixes) = prefixes.as_mut() {
                let shown = queue.among(places);
                let leaders = running.iter().map(Box::as_ref).chain(shown);
                let coming = leaders.map(|leader| leader.coming_for(sequence)).max().unwrap_or(0);
                cached = prefixes.find(sequence.wanted(), blocks);
                if cached < coming {
                    continue;
                }
            }
            let whole = blocks.iter().take(cached / KV_BLOCK_TOKENS);
            let idle = whole.filter(|block| cache.block_sequences(**block) == 0).count();
            waiting.push(sequence.waiting(cached, idle));
            places.push(place);
            if waiting.len() == shown_max {
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
                    if let Some(id) = sequence.cached_as {
                        self.cache.close_sequence(id);
                    }
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
