//! Places and blocks: what is left of them while a plan is made, and who gives way.

use super::{Limits, Running, State, Waiting};

/// What is left.
#[derive(Debug)]
pub(super) struct Room<'a> {
    state: &'a State<'a>,
    limits: &'a Limits,
    /// Blocks that a share may take.
    free: usize,
    /// Of them, those that one who joins may take: not those that the running ones still need for
    /// the tokens that they have, nor one for each of them. Without that one an answer that grows
    /// would soon preempt the one who joined last.
    open: usize,
    /// Places.
    places: usize,
    /// Prompt tokens.
    budget: usize,
}

impl<'a> Room<'a> {
    pub(super) fn new(state: &'a State<'a>, limits: &'a Limits) -> Self {
        let running = state.running;
        let decodes = running.iter().any(|running| running.decoding && running.has_room());
        let mut room = Self {
            state,
            limits,
            free: state.blocks_free,
            open: 0,
            places: limits.sequences_max.saturating_sub(running.len()),
            budget: limits.prefill_tokens_max.max(usize::from(!decodes)),
        };
        let promised = running.iter().map(|running| {
            let next = usize::from(!running.decoding);
            room.missing(running, running.pending + next) + 1
        });
        room.open = state.blocks_free.saturating_sub(promised.sum());
        room
    }

    /// Prompt tokens of this step.
    pub(super) fn budget(&self) -> usize {
        self.budget
    }

    /// Blocks that hold as many tokens.
    pub(super) fn blocks(&self, tokens: usize) -> usize {
        tokens.div_ceil(self.limits.block_tokens.max(1))
    }

    /// Blocks that a running one lacks for its next `tokens`.
    fn missing(&self, running: &Running, tokens: usize) -> usize {
        self.blocks(running.computed + tokens).saturating_sub(running.blocks)
    }

    /// Takes the blocks for as many of `wanted` tokens as there are blocks for, behind `computed`
    /// tokens in `blocks`, and tells how many.
    pub(super) fn grant(&mut self, blocks: usize, computed: usize, wanted: usize) -> usize {
        let block_tokens = self.limits.block_tokens.max(1);
        let capacity = blocks.saturating_add(self.free).saturating_mul(block_tokens);
        let tokens = wanted.min(capacity.saturating_sub(computed));
        self.free -= self.blocks(computed + tokens).saturating_sub(blocks).min(self.free);
        tokens
    }

    /// Blocks that one who joins takes from the free ones, for all its tokens and one more.
    fn drawn(&self, waiting: &Waiting) -> usize {
        let shared = waiting.cached / self.limits.block_tokens.max(1);
        let own = self.blocks(waiting.tokens.max(waiting.cached) + 1) - shared;
        own.saturating_add(waiting.cached_blocks_idle)
    }

    fn fits(&self, waiting: &Waiting) -> bool {
        self.places > 0 && self.drawn(waiting) <= self.open
    }

    /// Gives a waiting one a place and what was found for it, where it fits.
    pub(super) fn admit(&mut self, waiting: &Waiting) -> bool {
        if !self.fits(waiting) {
            return false;
        }
        self.places -= 1;
        self.open = self.open.saturating_sub(self.drawn(waiting) + 1);
        let shared = waiting.cached / self.limits.block_tokens.max(1);
        let copied = self.blocks(waiting.cached) - shared;
        self.free = self.free.saturating_sub(waiting.cached_blocks_idle.saturating_add(copied));
        true
    }

    /// Who gives way, if anybody must. `order` is the running ones by rank.
    pub(super) fn victim(&self, order: &[usize]) -> Option<usize> {
        let running = self.state.running;
        let leader = order.iter().copied().find(|&index| running[index].has_room());
        // Blocks that it takes in this step whatever the others do.
        let must = |index: usize| {
            let sequence = &running[index];
            match sequence {
                _ if !sequence.has_room() => 0,
                Running { decoding: true, .. } => self.missing(sequence, sequence.pending.min(1)),
                _ if Some(index) == leader => {
                    self.missing(sequence, sequence.pending.min(self.budget))
                }
                _ => 0,
            }
        };
        let mut followers = order.iter().rev().copied().filter(|&index| Some(index) != leader);
        if order.iter().map(|&index| must(index)).sum::<usize>() > self.free {
            let gains = |index: &usize| running[*index].blocks_sole + must(*index) > 0;
            return followers
                .clone()
                .find(|index| !running[*index].has_room() && gains(index))
                .or_else(|| followers.clone().find(gains))
                .or_else(|| followers.next());
        }
        let head = self.state.waiting.first()?;
        let patient = |index: &usize| {
            running[*index].stalled_ms.is_some_and(|stalled| stalled >= self.limits.stalled_ms_max)
        };
        if self.fits(head) { None } else { followers.find(patient) }
    }
}
