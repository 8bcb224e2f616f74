//! A world: requests, a pool of blocks and a clock, and plans carried out.

mod arrival;
mod tally;

use pricket::engine::schedule::{Limits, Plan, Share, State};

pub(crate) use arrival::Climate;
pub(crate) use tally::Tally;

use crate::blocks::{Key, Pool};
use crate::dice::Dice;
use crate::laws::{Broken, check_preemption, check_run, law};
use crate::patience::Patience;
use crate::request::{End, Reader, Request};

/// `schedule`, or one that takes its place.
pub(crate) type Scheduler = fn(&State<'_>, &Limits, &mut Plan);

/// What the world does wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    LosesABlock,
    EndsTwice,
    ForgetsPreempted,
    NeverAges,
    LatestFirst,
}

/// Plans after which a world that has not ended never will.
const PLANS_MAX: usize = 60_000;

pub(crate) struct World {
    dice: Dice,
    climate: Climate,
    fault: Fault,
    pool: Pool,
    requests: Vec<Request>,
    /// By rank.
    waiting: Vec<usize>,
    running: Vec<usize>,
    now: u64,
    patience: Patience,
    tally: Tally,
}

impl World {
    pub(crate) fn new(seed: u64, fault: Fault) -> Self {
        let mut dice = Dice::new(seed);
        let climate = Climate::new(&mut dice);
        Self {
            pool: Pool::new(climate.blocks),
            patience: Patience::new(climate.budget_min),
            dice,
            climate,
            fault,
            requests: Vec::new(),
            waiting: Vec::new(),
            running: Vec::new(),
            now: 0,
            tally: Tally::default(),
        }
    }

    /// Runs until the last request has ended.
    pub(crate) fn run(mut self, scheduler: Scheduler) -> Result<Tally, Broken> {
        let mut plan = Plan::default();
        while self.requests.len() < self.climate.requests || !self.is_idle() {
            self.arrivals();
            self.readers()?;
            if self.is_idle() {
                self.now += 1;
                continue;
            }
            self.turn(scheduler, &mut plan)?;
            if self.tally.plans > PLANS_MAX {
                return law("ends", format!("{} wait, {:?} run", self.waiting.len(), self.running));
            }
        }
        if let Some(request) = self.requests.iter().find(|request| request.ended.is_none()) {
            return law("ends", format!("{request:?}"));
        }
        if self.pool.free() != self.pool.len() {
            return law("accounts", "blocks are held after the last request");
        }
        self.tally.evicted = self.pool.evicted;
        self.tally.closest = self.patience.closest;
        Ok(self.tally)
    }

    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// Plans until nobody has to give way, and runs the plan.
    fn turn(&mut self, scheduler: Scheduler, plan: &mut Plan) -> Result<(), Broken> {
        let (budget_min, budget_max) = (self.climate.budget_min, self.climate.budget_max);
        let limits = Limits {
            prefill_tokens_max: self.dice.between(budget_min, budget_max),
            ..self.climate.limits()
        };
        for &id in &self.running {
            self.requests[id].drafts = self.climate.drafts(&mut self.dice, &self.requests[id]);
        }
        loop {
            let (pool, requests) = (&self.pool, &self.requests);
            let running: Vec<_> =
                self.running.iter().map(|&id| requests[id].running(pool, self.now)).collect();
            let readable = self.waiting.iter().map(|&id| &requests[id]);
            let readable = readable.filter(|request| request.stalled_since.is_none());
            let waiting: Vec<_> = readable
                .map(|request| request.waiting(pool, limits.block_tokens))
                .take(limits.sequences_max)
                .collect();
            let state = State { running: &running, waiting: &waiting, blocks_free: pool.free() };
            scheduler(&state, &limits, plan);
            self.tally.plans += 1;
            let Some(victim) = plan.preempt else {
                check_run(&state, &limits, plan)?;
                self.tally.count_run(&running, plan);
                break;
            };
            check_preemption(&state, &limits, plan, victim)?;
            self.preempt(victim)?;
            self.audit()?;
        }
        self.admit(plan.admit);
        self.step(&plan.shares)?;
        self.audit()
    }

    /// One gives its blocks and its place back, and waits again with its rank.
    fn preempt(&mut self, victim: usize) -> Result<(), Broken> {
        let id = self.running.remove(victim);
        self.tally.preempted += 1;
        if self.requests[id].stalled_since.is_some() {
            self.tally.preempted_stalled += 1;
            self.patience.again(&self.requests, id);
        }
        self.release(id)?;
        if self.fault != Fault::ForgetsPreempted {
            self.wait(id);
        }
        Ok(())
    }

    /// Lets a request wait, at the place of its rank.
    fn wait(&mut self, id: usize) {
        let requests = &self.requests;
        let rank = requests[id].rank_shown;
        let place = self.waiting.partition_point(|&other| requests[other].rank_shown < rank);
        self.waiting.insert(place, id);
    }

    fn release(&mut self, id: usize) -> Result<(), Broken> {
        let mut table = std::mem::take(&mut self.requests[id].table);
        self.requests[id].computed = 0;
        if self.fault == Fault::LosesABlock {
            table.pop();
        }
        // From the last block on, so that the beginning of a text is evicted last.
        table.into_iter().rev().try_for_each(|block| self.pool.give_back(block))
    }

    /// The first of those that wait and can be read begin.
    fn admit(&mut self, count: usize) {
        let block_tokens = self.climate.block_tokens;
        for _ in 0..count {
            let requests = &self.requests;
            let Some(place) =
                self.waiting.iter().position(|&id| requests[id].stalled_since.is_none())
            else {
                return;
            };
            let id = self.waiting.remove(place);
            // What was found when the plan was made: this very step changes nothing before it runs.
            let (found, _) = self.requests[id].found(&self.pool, block_tokens);
            for &block in &found {
                self.pool.share(block);
            }
            self.tally.cached_admissions += usize::from(!found.is_empty());
            self.requests[id].computed = found.len() * block_tokens;
            self.requests[id].table = found;
            self.running.push(id);
        }
    }

    /// One forward pass. It may fail, for one or for all of those in it.
    fn step(&mut self, shares: &[Share]) -> Result<(), Broken> {
        if shares.is_empty() {
            self.now += 1;
            return Ok(());
        }
        let ran: Vec<(usize, usize)> =
            shares.iter().map(|share| (self.running[share.index], share.tokens)).collect();
        for &(id, tokens) in &ran {
            self.write(id, tokens)?;
        }
        self.patience.step(&self.requests, &self.running)?;
        let total: usize = ran.iter().map(|&(_, tokens)| tokens).sum();
        self.now += 1 + total as u64 / 8;
        let all_fail = self.dice.once_in(self.climate.failure * 8);
        let one_fails = self.dice.once_in(self.climate.failure);
        let culprit = one_fails.then(|| self.dice.pick(&ran).0);
        for &(id, tokens) in &ran {
            if all_fail || culprit == Some(id) {
                self.end(id, End::Failed)?;
            } else {
                self.advance(id, tokens)?;
            }
        }
        Ok(())
    }

    /// Takes the blocks that the tokens need.
    fn write(&mut self, id: usize, tokens: usize) -> Result<(), Broken> {
        let needed = (self.requests[id].computed + tokens).div_ceil(self.climate.block_tokens);
        while self.requests[id].table.len() < needed {
            let block = self.pool.take()?;
            self.requests[id].table.push(block);
        }
        Ok(())
    }

    /// The tokens ran: full blocks are kept, and the next token is sampled where all have run.
    fn advance(&mut self, id: usize, tokens: usize) -> Result<(), Broken> {
        let block_tokens = self.climate.block_tokens;
        let request = &mut self.requests[id];
        // Of drafts some are taken.
        let drafts = if request.is_decoding() { tokens - 1 } else { 0 };
        let taken = self.dice.between(0, drafts);
        let before = request.computed / block_tokens;
        request.computed += tokens - drafts + taken;
        let sampled = request.computed >= request.tokens();
        if sampled {
            let produced = 1 + taken;
            request.generated += produced;
            request.buffered += produced;
            if request.buffered > self.climate.stream {
                return law("room", format!("the stream of {request:?} overflows"));
            }
        }
        for index in before..request.computed / block_tokens {
            self.pool.keep(request.table[index], request.key(index, block_tokens));
        }
        if request.generated >= request.answer {
            self.end(id, End::Completed)?;
            if self.fault == Fault::EndsTwice {
                self.end(id, End::Completed)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, id: usize, end: End) -> Result<(), Broken> {
        if let Some(before) = self.requests[id].ended {
            return law("ends once", format!("{before:?}, then {end:?}"));
        }
        self.requests[id].ended = Some(end);
        self.tally.count_end(end);
        self.running.retain(|&running| running != id);
        self.waiting.retain(|&waiting| waiting != id);
        self.release(id)
    }

    /// Readers read, leave, or run out of time.
    fn readers(&mut self) -> Result<(), Broken> {
        for id in 0..self.requests.len() {
            let request = &mut self.requests[id];
            if request.ended.is_some() {
                continue;
            }
            if self.now >= request.leaves_at {
                self.end(id, End::Left)?;
                continue;
            }
            if self.now >= request.deadline {
                self.end(id, End::Expired)?;
                continue;
            }
            match request.reader {
                Reader::Eager => request.buffered = 0,
                Reader::Slow if self.dice.once_in(6) => {
                    request.buffered -= self.dice.between(0, request.buffered);
                }
                Reader::Slow | Reader::Never => {}
            }
            let full = request.buffered + self.climate.step_chunks() > self.climate.stream;
            let since = request.stalled_since.unwrap_or(self.now);
            request.stalled_since = full.then_some(since);
        }
        Ok(())
    }

    fn audit(&self) -> Result<(), Broken> {
        let block_tokens = self.climate.block_tokens;
        let live = self.requests.iter().filter(|request| !request.table.is_empty());
        let tables: Vec<(&[usize], Vec<Key>)> = live
            .map(|request| {
                let keys = (0..request.table.len()).map(|index| request.key(index, block_tokens));
                (request.table.as_slice(), keys.collect())
            })
            .collect();
        self.pool.audit(&tables)
    }
}
