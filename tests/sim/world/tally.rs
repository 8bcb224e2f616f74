//! What happened in worlds.

use pricket::engine::schedule::{Plan, Running, Share};

use crate::request::End;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) plans: usize,
    pub(crate) requests: usize,
    pub(crate) completed: usize,
    pub(crate) failed: usize,
    pub(crate) expired: usize,
    pub(crate) left: usize,
    pub(crate) preempted: usize,
    pub(crate) preempted_stalled: usize,
    pub(crate) cached_admissions: usize,
    pub(crate) mixed: usize,
    pub(crate) drafts: usize,
    pub(crate) evicted: usize,
    /// The longest wait, in parts of a thousand of what the bound allows.
    pub(crate) closest: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.plans += other.plans;
        self.requests += other.requests;
        self.completed += other.completed;
        self.failed += other.failed;
        self.expired += other.expired;
        self.left += other.left;
        self.preempted += other.preempted;
        self.preempted_stalled += other.preempted_stalled;
        self.cached_admissions += other.cached_admissions;
        self.mixed += other.mixed;
        self.drafts += other.drafts;
        self.evicted += other.evicted;
        self.closest = self.closest.max(other.closest);
    }

    pub(crate) fn count_end(&mut self, end: End) {
        self.requests += 1;
        *match end {
            End::Completed => &mut self.completed,
            End::Failed => &mut self.failed,
            End::Expired => &mut self.expired,
            End::Left => &mut self.left,
        } += 1;
    }

    pub(crate) fn count_run(&mut self, running: &[Running], plan: &Plan) {
        let decodes = |index: usize| running.get(index).is_some_and(|running| running.decoding);
        let (answers, prompts): (Vec<&Share>, Vec<&Share>) =
            plan.shares.iter().partition(|share| decodes(share.index));
        self.mixed += usize::from(!answers.is_empty() && !prompts.is_empty());
        self.drafts += answers.iter().map(|share| share.tokens - 1).sum::<usize>();
    }
}
