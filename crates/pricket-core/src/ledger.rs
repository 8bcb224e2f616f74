//! What was used and what it cost, summed by session and by model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::price::rounded;
use crate::{MicroDollars, ModelInfo, Usage};

/// Adds up usage and cost. Costs are kept exact and rounded when they are told, so that a thousand
/// small requests cost what one large one of as many tokens costs.
///
/// Plain owned data: one entry for each pair of session and model, until [`UsageLedger::forget`]
/// drops a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageLedger {
    /// By session, then by the model's full name.
    sessions: BTreeMap<String, BTreeMap<String, Sum>>,
}

/// A sum over requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageTotal {
    /// How many requests.
    pub requests: u64,
    /// Their tokens.
    pub usage: Usage,
    /// What they cost; `None` where the price of any of them is not known.
    pub cost: Option<MicroDollars>,
    /// What those with a known price cost.
    pub known_cost: MicroDollars,
    /// How many requests have no known price.
    pub unpriced_requests: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    requests: u64,
    usage: Usage,
    /// Millionths of a micro-dollar.
    exact_cost: u128,
    unpriced_requests: u64,
}

impl UsageLedger {
    /// A ledger without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a request at the price that the model has now.
    pub fn record(&mut self, session: &str, model: &ModelInfo, usage: &Usage) {
        let exact_cost = model.price.as_ref().and_then(|price| price.exact_cost(usage));
        let request = Sum {
            requests: 1,
            usage: *usage,
            exact_cost: exact_cost.unwrap_or(0),
            unpriced_requests: u64::from(exact_cost.is_none()),
        };
        let models = self.sessions.entry(session.to_owned()).or_default();
        models.entry(model.full_name()).or_default().add(&request);
    }

    /// The sum of a session, over its models.
    pub fn session(&self, session: &str) -> UsageTotal {
        total(self.sessions.get(session).into_iter().flat_map(BTreeMap::values))
    }

    /// The sum of a model by its full name, over the sessions.
    pub fn model(&self, full_name: &str) -> UsageTotal {
        total(self.sessions.values().filter_map(|models| models.get(full_name)))
    }

    /// The sum of everything.
    pub fn total(&self) -> UsageTotal {
        total(self.sessions.values().flat_map(BTreeMap::values))
    }

    /// Every entry as session, full name of the model, and sum; in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, UsageTotal)> {
        self.sessions.iter().flat_map(|(session, models)| {
            models.iter().map(move |(model, sum)| (session.as_str(), model.as_str(), sum.told()))
        })
    }

    /// Drops a session and tells its sum.
    pub fn forget(&mut self, session: &str) -> UsageTotal {
        let models = self.sessions.remove(session).unwrap_or_default();
        total(models.values())
    }
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.usage = self.usage.plus(&other.usage);
        self.exact_cost = self.exact_cost.saturating_add(other.exact_cost);
        self.unpriced_requests = self.unpriced_requests.saturating_add(other.unpriced_requests);
    }

    fn told(&self) -> UsageTotal {
        let known_cost = rounded(self.exact_cost).unwrap_or(MicroDollars(u64::MAX));
        UsageTotal {
            requests: self.requests,
            usage: self.usage,
            cost: (self.unpriced_requests == 0).then_some(known_cost),
            known_cost,
            unpriced_requests: self.unpriced_requests,
        }
    }
}

fn total<'a>(sums: impl Iterator<Item = &'a Sum>) -> UsageTotal {
    let mut all = Sum::default();
    sums.for_each(|sum| all.add(sum));
    all.told()
}
