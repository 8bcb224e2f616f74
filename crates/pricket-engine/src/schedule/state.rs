//! What the scheduler looks at.

use super::Rank;

/// What there is before a step.
#[derive(Debug, Clone, Copy)]
pub struct State<'a> {
    /// Those that hold a place, in any order.
    pub running: &'a [Running],
    /// Those that may begin, by rising rank. It is enough to show as many as there are places, and
    /// one at least. One whose reader is behind is left out, and one that waits for what another
    /// computes.
    pub waiting: &'a [Waiting],
    /// Blocks that nobody holds: unused ones, and those kept for their prefixes, which can be
    /// evicted.
    pub blocks_free: usize,
}

/// A sequence that holds a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Its place in the order.
    pub rank: Rank,
    /// Tokens that are in the cache.
    pub computed: usize,
    /// Tokens that have not been through the model yet: the rest of a prompt, or the one that was
    /// sampled last and the drafts that follow it.
    pub pending: usize,
    /// Whether all but the token sampled last, and its drafts, has been through the model, so that
    /// a reader waits for the next. One that was preempted is a prompt until then.
    pub decoding: bool,
    /// For how many milliseconds its reader's stream has had no room for what a step may send;
    /// `None` where it has.
    pub stalled_ms: Option<u64>,
    /// Blocks that it holds.
    pub blocks: usize,
    /// Of them, those that nobody else holds: what preempting it gives back.
    pub blocks_sole: usize,
}

/// A request that has no place yet, or none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Its place in the order.
    pub rank: Rank,
    /// Its tokens: the prompt, and the answer so far of one that was preempted.
    pub tokens: usize,
    /// Of them, those at the beginning whose keys and values were found. Whole blocks of them are
    /// shared; a rest is copied into a block of its own. The last token runs in any case.
    pub cached: usize,
    /// Of the whole blocks that were found, those that nobody holds: taking them takes from the
    /// free ones.
    pub cached_blocks_idle: usize,
}

/// What may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tokens per block, at least 1.
    pub block_tokens: usize,
    /// How many may run side by side.
    pub sequences_max: usize,
    /// Prompt tokens per step, of all prompts together. Where nothing decodes, 0 counts as 1.
    pub prefill_tokens_max: usize,
    /// For how long one whose reader is behind keeps its place from those that wait.
    pub stalled_ms_max: u64,
}

impl Running {
    /// Whether its reader's stream has room for what a step may send.
    pub fn has_room(&self) -> bool {
        self.stalled_ms.is_none()
    }

    /// Whether it runs as a prompt, against the budget.
    pub(super) fn is_prompt(&self) -> bool {
        !self.decoding && self.has_room()
    }
}

impl Waiting {
    /// Tokens that would have to run.
    pub(super) fn pending(&self) -> usize {
        self.tokens.saturating_sub(self.cached).max(1)
    }
}
