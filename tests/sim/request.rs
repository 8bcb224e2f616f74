//! One request of a world.

use pricket::engine::schedule::{Rank, Running, Waiting};

use crate::blocks::{Key, Pool};

/// How its stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// All that is there, at every turn.
    Eager,
    /// A part, now and then.
    Slow,
    /// Nothing, until it leaves.
    Never,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Completed,
    Failed,
    Expired,
    Left,
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: usize,
    /// What the laws go by.
    pub(crate) rank: Rank,
    /// What the scheduler is shown.
    pub(crate) rank_shown: Rank,
    /// The first tokens of the prompt are those of a group.
    pub(crate) group: usize,
    pub(crate) shared: usize,
    pub(crate) prompt: usize,
    pub(crate) answer: usize,
    pub(crate) generated: usize,
    pub(crate) computed: usize,
    pub(crate) drafts: usize,
    pub(crate) table: Vec<usize>,
    pub(crate) reader: Reader,
    pub(crate) buffered: usize,
    pub(crate) stalled_since: Option<u64>,
    pub(crate) deadline: u64,
    pub(crate) leaves_at: u64,
    pub(crate) ended: Option<End>,
}

impl Request {
    pub(crate) fn tokens(&self) -> usize {
        self.prompt + self.generated
    }

    /// What its `index`th block is found by.
    pub(crate) fn key(&self, index: usize, block_tokens: usize) -> Key {
        let common = (index + 1) * block_tokens <= self.shared;
        // Groups have small numbers.
        (if common { self.group } else { 1_000 + self.id }, index)
    }

    /// The blocks that it would find in the pool: whole ones, and never its last token.
    pub(crate) fn found(&self, pool: &Pool, block_tokens: usize) -> (Vec<usize>, usize) {
        let whole = (self.tokens() - 1) / block_tokens;
        pool.find((0..whole).map(|index| self.key(index, block_tokens)))
    }

    pub(crate) fn is_decoding(&self) -> bool {
        self.generated > 0 && self.tokens() - self.computed == 1
    }

    pub(crate) fn running(&self, pool: &Pool, now: u64) -> Running {
        let drafts = if self.is_decoding() { self.drafts } else { 0 };
        Running {
            rank: self.rank_shown,
            computed: self.computed,
            pending: self.tokens() - self.computed + drafts,
            decoding: self.is_decoding(),
            stalled_ms: self.stalled_since.map(|since| now - since),
            blocks: self.table.len(),
            blocks_sole: self.table.iter().filter(|&&block| pool.is_sole(block)).count(),
        }
    }

    pub(crate) fn waiting(&self, pool: &Pool, block_tokens: usize) -> Waiting {
        let (found, idle) = self.found(pool, block_tokens);
        Waiting {
            rank: self.rank_shown,
            tokens: self.tokens(),
            cached: found.len() * block_tokens,
            cached_blocks_idle: idle,
        }
    }

    /// Steps that it takes from its first token to its last when it leads.
    pub(crate) fn steps_alone(&self, budget: usize) -> usize {
        (self.prompt + self.answer).div_ceil(budget) + self.answer
    }
}
