//! The bound on waiting: what `schedule` says of progress, counted.

use crate::laws::{Broken, law};
use crate::request::{Reader, Request};

/// Steps that a request has waited, and may.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    waited: usize,
    allowed: usize,
}

/// The accounts of all requests, by their ids.
#[derive(Debug)]
pub(crate) struct Patience {
    accounts: Vec<Account>,
    /// The least prompt tokens of a step.
    budget: usize,
    leader: Option<usize>,
    /// The longest wait, in parts of a thousand of what was allowed.
    pub(crate) closest: usize,
}

impl Patience {
    pub(crate) fn new(budget: usize) -> Self {
        Self { accounts: Vec::new(), budget, leader: None, closest: 0 }
    }

    /// The last of these requests has come. It may have to wait for those that run and those that
    /// are ranked before it, and those that are ranked behind it for it.
    pub(crate) fn arrive(&mut self, requests: &[Request], running: &[usize]) {
        let Some(latest) = requests.last() else { return };
        let mut allowed = latest.steps_alone(self.budget);
        for other in requests.iter().filter(|other| other.id != latest.id) {
            if other.ended.is_some() {
                continue;
            }
            if other.rank < latest.rank || running.contains(&other.id) {
                allowed += other.steps_alone(self.budget);
            }
            if latest.rank < other.rank {
                self.accounts[other.id].allowed += latest.steps_alone(self.budget);
            }
        }
        self.accounts.push(Account { waited: 0, allowed });
    }

    /// A request has to begin again, through no fault of the scheduler.
    pub(crate) fn again(&mut self, requests: &[Request], who: usize) {
        let steps = requests[who].steps_alone(self.budget);
        for account in &mut self.accounts {
            account.allowed += steps;
        }
    }

    /// A step ran with these running.
    pub(crate) fn step(&mut self, requests: &[Request], running: &[usize]) -> Result<(), Broken> {
        let readable = running.iter().copied().filter(|&id| requests[id].stalled_since.is_none());
        let leader = readable.min_by_key(|&id| requests[id].rank);
        if let (Some(old), Some(new)) = (self.leader, leader)
            && requests[old].ended.is_none()
            && requests[new].rank < requests[old].rank
        {
            self.again(requests, old);
        }
        self.leader = leader;
        let live = requests.iter().filter(|request| request.ended.is_none());
        for request in live.filter(|request| request.reader == Reader::Eager) {
            let account = &mut self.accounts[request.id];
            account.waited += 1;
            self.closest = self.closest.max(account.waited * 1_000 / account.allowed);
            if account.waited > account.allowed {
                return law("starvation", format!("{account:?} of {request:?}"));
            }
        }
        Ok(())
    }
}
