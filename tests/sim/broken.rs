//! Schedulers and worlds with a defect, and the law that must notice it.

use pricket::engine::schedule::{Limits, Plan, Running, Share, State, Waiting, schedule};

use crate::world::{Fault, Scheduler};

/// A name, the law that it breaks, and the scheduler.
pub(crate) const SCHEDULERS: [(&str, &str, Scheduler); 17] = [
    ("leaves out an answer", "decoding", leaves_out_an_answer),
    ("one token over the budget", "budget", over_budget),
    ("halves the leader's chunk", "progress", halves_the_leader),
    ("runs one whose stream is full", "room", runs_the_stalled),
    ("runs more than there is", "shares", runs_too_much),
    ("gives the same sequence two shares", "shares", runs_twice),
    ("believes in twice the blocks", "joining", more_blocks),
    ("believes in more blocks when it grows", "blocks", more_blocks_to_grow),
    ("admits without blocks", "joining", admits_without_blocks),
    ("admits without a place", "places", admits_without_place),
    ("admits without tokens", "joining", admits_without_tokens),
    ("preempts the leader", "progress", preempts_the_leader),
    ("preempts without need", "needless", preempts_without_need),
    ("preempts the best follower", "who", preempts_the_best_follower),
    ("preempts and runs", "one thing", preempts_and_runs),
    ("never preempts", "decoding", never_preempts),
    ("admits nobody", "progress", admits_nobody),
];

/// A name, the law that it breaks, and the world's defect.
pub(crate) const FAULTS: [(&str, &str, Fault); 5] = [
    ("loses a block", "accounts", Fault::LosesABlock),
    ("ends a request twice", "ends once", Fault::EndsTwice),
    ("forgets who was preempted", "ends", Fault::ForgetsPreempted),
    ("ranks without aging", "starvation", Fault::NeverAges),
    ("ranks the latest first", "starvation", Fault::LatestFirst),
];

fn leaves_out_an_answer(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    schedule(state, limits, plan);
    let decodes = |share: &Share| state.running.get(share.index).is_some_and(|r| r.decoding);
    if let Some(place) = plan.shares.iter().rposition(decodes) {
        plan.shares.remove(place);
    }
}

fn over_budget(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    let prefill_tokens_max = limits.prefill_tokens_max + 1;
    schedule(state, &Limits { prefill_tokens_max, ..*limits }, plan);
}

fn halves_the_leader(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    let prefill_tokens_max = limits.prefill_tokens_max.div_ceil(2);
    schedule(state, &Limits { prefill_tokens_max, ..*limits }, plan);
}

fn runs_the_stalled(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    let running: Vec<Running> =
        state.running.iter().map(|r| Running { stalled_ms: None, ..*r }).collect();
    schedule(&State { running: &running, ..*state }, limits, plan);
}

fn runs_too_much(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    schedule(state, limits, plan);
    if let Some(share) = plan.shares.last_mut() {
        share.tokens += 1;
    }
}

fn runs_twice(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    schedule(state, limits, plan);
    plan.shares.extend(plan.shares.last().copied());
}

fn more_blocks(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    schedule(&State { blocks_free: state.blocks_free * 2, ..*state }, limits, plan);
}

fn more_blocks_to_grow(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    let waiting = if state.running.is_empty() { state.waiting } else { &[] };
    let blocks_free = state.blocks_free + usize::from(!state.running.is_empty());
    schedule(&State { blocks_free, waiting, ..*state }, limits, plan);
}

fn admits_without_blocks(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    let waiting: Vec<Waiting> =
        state.waiting.iter().map(|w| Waiting { cached_blocks_idle: 0, ..*w }).collect();
    schedule(&State { waiting: &waiting, ..*state }, limits, plan);
}

fn admits_without_place(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    let sequences_max = limits.sequences_max + 1;
    schedule(state, &Limits { sequences_max, ..*limits }, plan);
}

fn admits_without_tokens(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    schedule(state, limits, plan);
    let joins = state.running.len() + plan.admit < limits.sequences_max;
    if plan.preempt.is_none() && joins && plan.admit < state.waiting.len() {
        plan.admit += 1;
    }
}

fn preempts_the_leader(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    schedule(state, limits, plan);
    if plan.preempt.is_some() {
        plan.preempt = (0..state.running.len())
            .filter(|&index| state.running[index].has_room())
            .min_by_key(|&index| state.running[index].rank);
    }
}

fn preempts_without_need(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    schedule(&State { blocks_free: state.blocks_free / 2, ..*state }, limits, plan);
}

fn preempts_the_best_follower(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    schedule(state, limits, plan);
    if plan.preempt.is_some() {
        let mut order: Vec<usize> =
            (0..state.running.len()).filter(|&i| state.running[i].has_room()).collect();
        order.sort_by_key(|&index| state.running[index].rank);
        plan.preempt = order.get(1).copied().or(plan.preempt);
    }
}

fn preempts_and_runs(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    schedule(state, limits, plan);
    if let Some(victim) = plan.preempt {
        plan.shares.push(Share { index: victim, tokens: 1 });
    }
}

fn never_preempts(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    schedule(state, limits, plan);
    plan.preempt = None;
}

fn admits_nobody(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    schedule(&State { waiting: &[], ..*state }, limits, plan);
}
