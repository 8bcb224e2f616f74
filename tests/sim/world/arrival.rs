//! What a world is like, and who comes to it.

use pricket::engine::schedule::{Limits, Rank};

use super::{Fault, World};
use crate::dice::Dice;
use crate::request::{Reader, Request};

/// What holds for the whole of a world.
#[derive(Debug, Clone)]
pub(crate) struct Climate {
    pub(crate) block_tokens: usize,
    pub(crate) blocks: usize,
    pub(crate) sequences_max: usize,
    pub(crate) budget_min: usize,
    pub(crate) budget_max: usize,
    pub(crate) stalled_ms_max: u64,
    pub(crate) aging_ms: u64,
    /// How many requests come in all.
    pub(crate) requests: usize,
    /// One comes in so many turns, and after it as many as this at once.
    pub(crate) pause: usize,
    pub(crate) burst: usize,
    pub(crate) prompt_max: usize,
    pub(crate) answer_max: usize,
    pub(crate) groups: usize,
    pub(crate) priority_max: usize,
    pub(crate) drafts_max: usize,
    /// Chunks that a stream holds.
    pub(crate) stream: usize,
    /// One pass in so many fails; 0 for none. The same for readers that are slow, that never read,
    /// and that leave, and for deadlines.
    pub(crate) failure: usize,
    pub(crate) slow: usize,
    pub(crate) never: usize,
    pub(crate) leave: usize,
    pub(crate) deadline: usize,
}

impl Climate {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let block_tokens = dice.pick(&[1, 2, 4, 8, 16]);
        let prompt_max: usize = dice.pick(&[3, 20, 60, 150]);
        let answer_max: usize = dice.pick(&[2, 10, 40, 100]);
        // The longest sequence fits, and often little more.
        let least = (prompt_max + answer_max + 1).div_ceil(block_tokens);
        let more = dice.pick(&[0, 1, least / 2, least, least * 4]);
        let budget_min = dice.pick(&[1, 4, 16, 64]);
        let drafts_max = dice.pick(&[0, 0, 1, 3]);
        Self {
            block_tokens,
            blocks: least + dice.between(0, more),
            sequences_max: dice.pick(&[1, 2, 3, 8]),
            budget_min,
            budget_max: budget_min + dice.pick(&[0, 7]),
            stalled_ms_max: dice.pick(&[0, 5, 40]),
            aging_ms: dice.pick(&[0, 3, 30]),
            requests: dice.pick(&[10, 40, 120]),
            pause: dice.pick(&[1, 5, 20]),
            burst: dice.pick(&[1, 2, 10]),
            prompt_max,
            answer_max,
            groups: dice.pick(&[1, 3]),
            priority_max: dice.pick(&[0, 1, 3]),
            drafts_max,
            stream: 1 + drafts_max + dice.between(0, 6),
            failure: dice.pick(&[0, 0, 20, 200]),
            slow: dice.pick(&[0, 2, 6]),
            never: dice.pick(&[0, 0, 8]),
            leave: dice.pick(&[0, 4, 12]),
            deadline: dice.pick(&[0, 3, 6]),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            block_tokens: self.block_tokens,
            sequences_max: self.sequences_max,
            prefill_tokens_max: self.budget_max,
            stalled_ms_max: self.stalled_ms_max,
        }
    }

    /// Chunks that a step may send.
    pub(crate) fn step_chunks(&self) -> usize {
        1 + self.drafts_max
    }

    /// How many drafts a request has before its next step.
    pub(crate) fn drafts(&self, dice: &mut Dice, request: &Request) -> usize {
        let left = request.answer - request.generated;
        dice.between(0, self.drafts_max).min(left.saturating_sub(1))
    }

    fn request(&self, dice: &mut Dice, id: usize, now: u64) -> Request {
        let prompt = dice.between(1, self.prompt_max);
        let priority = dice.between(0, self.priority_max) as i8;
        let rank = Rank::new(now, priority, self.aging_ms, id as u64);
        let reader = if dice.once_in(self.never) {
            Reader::Never
        } else if dice.once_in(self.slow) {
            Reader::Slow
        } else {
            Reader::Eager
        };
        let soon = |dice: &mut Dice| now + dice.between(0, 300) as u64;
        let leaves = dice.once_in(self.leave) || reader == Reader::Never;
        let expires = dice.once_in(self.deadline);
        Request {
            id,
            rank,
            rank_shown: rank,
            group: dice.between(1, self.groups),
            shared: dice.between(0, prompt),
            prompt,
            answer: dice.between(1, self.answer_max),
            generated: 0,
            computed: 0,
            drafts: 0,
            table: Vec::new(),
            reader,
            buffered: 0,
            stalled_since: None,
            leaves_at: if leaves { soon(dice) } else { u64::MAX },
            deadline: if expires { soon(dice) } else { u64::MAX },
            ended: None,
        }
    }
}

impl World {
    /// Some come.
    pub(super) fn arrivals(&mut self) {
        let left = self.climate.requests - self.requests.len();
        if left == 0 || !self.dice.once_in(self.climate.pause) {
            return;
        }
        for _ in 0..self.dice.between(1, self.climate.burst).min(left) {
            let id = self.requests.len();
            let mut request = self.climate.request(&mut self.dice, id, self.now);
            if self.fault == Fault::NeverAges {
                // Nobody lives to see a step of priority.
                let priority = self.dice.between(0, 3) as i8;
                request.rank_shown = Rank::new(self.now, priority, 1_000_000, id as u64);
            }
            if self.fault == Fault::LatestFirst {
                request.rank_shown = Rank::new(u64::MAX - self.now, 0, 0, u64::MAX - id as u64);
            }
            self.requests.push(request);
            self.patience.arrive(&self.requests, &self.running);
            self.wait(id);
        }
    }
}
