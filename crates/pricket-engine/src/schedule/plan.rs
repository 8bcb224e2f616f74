//! What the scheduler decides.

use super::Running;

/// What is done next: one gives way, or some join and the shares run.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Who of the running ones gives its blocks and its place back. Then nobody is admitted and
    /// nothing runs: what is free is known only when the blocks have been given back.
    pub preempt: Option<usize>,
    /// How many of the waiting ones begin, from the first on. They stand behind the running ones in
    /// the order in which they waited.
    pub admit: usize,
    /// What runs, by rising index.
    pub shares: Vec<Share>,
    /// The running ones by rank.
    pub(super) order: Vec<usize>,
}

/// What a running sequence is given in the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The sequence's place among the running ones, those admitted by the same plan behind them.
    pub index: usize,
    /// How many of its tokens run: 1 or more.
    pub tokens: usize,
}

impl Plan {
    /// An empty plan with room for as many sequences: it allocates no more while no more run.
    pub fn with_capacity(sequences_max: usize) -> Self {
        Self {
            shares: Vec::with_capacity(sequences_max),
            order: Vec::with_capacity(sequences_max),
            ..Self::default()
        }
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.preempt.is_none() && self.admit == 0 && self.shares.is_empty()
    }

    /// Forgets what was decided, and puts the running ones in order.
    pub(super) fn begin(&mut self, running: &[Running]) {
        self.preempt = None;
        self.admit = 0;
        self.shares.clear();
        self.order.clear();
        self.order.extend(0..running.len());
        self.order.sort_unstable_by_key(|&index| running[index].rank);
    }
}
