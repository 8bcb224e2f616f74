//! Sums by session and by model.

use pricket_core::{MicroDollars, ModelInfo, Usage, UsageLedger};

use crate::price::price;

fn priced(name: &str) -> ModelInfo {
    ModelInfo {
        provider: Some("acme".into()),
        price: Some(price("0.40", "0.10", "1.00")),
        ..ModelInfo::new(name)
    }
}

const ONE: Usage = Usage { prompt_tokens: 1, cached_tokens: 0, completion_tokens: 0 };

#[test]
fn many_small_requests_cost_what_one_large_one_costs() {
    let mut ledger = UsageLedger::new();
    let model = priced("m");
    // Each alone is 0.4 micro-dollars and would round to nothing.
    assert_eq!(model.cost(&ONE), Some(MicroDollars(0)));
    for _ in 0..1000 {
        ledger.record("s", &model, &ONE);
    }
    let total = ledger.session("s");
    assert_eq!((total.requests, total.usage.prompt_tokens), (1000, 1000));
    assert_eq!(total.cost, Some(MicroDollars(400)));
    assert_eq!(total.cost, model.cost(&total.usage));
}

#[test]
fn sums_by_session_and_by_model_agree_with_the_whole() {
    let mut ledger = UsageLedger::new();
    let (a, b) = (priced("a"), priced("b"));
    let use_of = |n| Usage { prompt_tokens: 10 * n, cached_tokens: n, completion_tokens: 2 * n };
    for (session, model, n) in [("s", &a, 1), ("s", &b, 2), ("t", &a, 3), ("t", &a, 4)] {
        ledger.record(session, model, &use_of(n));
    }
    assert_eq!(ledger.session("s").usage, use_of(3));
    assert_eq!(ledger.session("t").usage, use_of(7));
    assert_eq!(ledger.model("acme/a").usage, use_of(8));
    assert_eq!(ledger.model("acme/b").usage, use_of(2));
    assert_eq!((ledger.total().usage, ledger.total().requests), (use_of(10), 4));
    assert_eq!(ledger.total().cost, a.cost(&use_of(10)));
    let told: Vec<(&str, &str, u64)> = ledger.iter().map(|(s, m, t)| (s, m, t.requests)).collect();
    assert_eq!(told, [("s", "acme/a", 1), ("s", "acme/b", 1), ("t", "acme/a", 2)]);
    assert_eq!(ledger.forget("t").usage, use_of(7));
    assert_eq!(ledger.total().usage, use_of(3));
    assert_eq!(ledger.session("t").requests, 0);
}

#[test]
fn one_unknown_price_makes_the_sum_unknown_and_is_counted() {
    let mut ledger = UsageLedger::new();
    ledger.record("s", &priced("m"), &Usage { prompt_tokens: 1_000_000, ..ONE });
    ledger.record("s", &ModelInfo::new("local"), &ONE);
    let total = ledger.session("s");
    assert_eq!((total.cost, total.known_cost), (None, MicroDollars(400_000)));
    assert_eq!((total.requests, total.unpriced_requests), (2, 1));
    assert_eq!(ledger.model("acme/m").cost, Some(MicroDollars(400_000)));
}

#[test]
fn a_price_that_changes_does_not_change_what_was_paid() {
    let mut ledger = UsageLedger::new();
    let million = Usage { prompt_tokens: 1_000_000, ..ONE };
    ledger.record("s", &priced("m"), &million);
    let dearer = ModelInfo { price: Some(price("4.00", "1", "1")), ..priced("m") };
    ledger.record("s", &dearer, &million);
    assert_eq!(ledger.model("acme/m").cost, Some(MicroDollars(4_400_000)));
}

#[test]
fn sums_stop_at_the_largest_number() {
    let mut ledger = UsageLedger::new();
    let most = Usage {
        prompt_tokens: usize::MAX,
        cached_tokens: usize::MAX,
        completion_tokens: usize::MAX,
    };
    for _ in 0..3 {
        ledger.record("s", &priced("m"), &most);
    }
    assert_eq!(ledger.total().usage, most);
}
