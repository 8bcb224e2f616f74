//! What every plan must keep, said without looking at how it is made.

use pricket::engine::schedule::{Limits, Plan, Running, State, Waiting};

/// A law, and how it was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) law: &'static str,
    pub(crate) what: String,
}

/// A law is broken.
pub(crate) fn law<T>(law: &'static str, what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken { law, what: what.into() })
}

/// Blocks that one lacks for so many tokens more.
fn lacks(running: &Running, tokens: usize, limits: &Limits) -> usize {
    (running.computed + tokens).div_ceil(limits.block_tokens).saturating_sub(running.blocks)
}

/// The best-ranked whose reader has room.
fn leader(running: &[Running]) -> Option<usize> {
    let readable = (0..running.len()).filter(|&index| running[index].stalled_ms.is_none());
    readable.min_by_key(|&index| running[index].rank)
}

/// One who gives way does so because it must, it is the right one, and nothing else happens.
pub(crate) fn check_preemption(
    state: &State<'_>,
    limits: &Limits,
    plan: &Plan,
    victim: usize,
) -> Result<(), Broken> {
    let running = state.running;
    if plan.admit > 0 || !plan.shares.is_empty() {
        return law("one thing", "a plan preempts and runs");
    }
    let lead = leader(running);
    if victim >= running.len() || Some(victim) == lead {
        return law("progress", format!("{victim} of {} gives way", running.len()));
    }
    let needs = |(index, sequence): (usize, &Running)| match sequence {
        Running { stalled_ms: Some(_), .. } => 0,
        Running { decoding: true, .. } => lacks(sequence, 1, limits),
        _ if Some(index) == lead => {
            lacks(sequence, sequence.pending.min(limits.prefill_tokens_max), limits)
        }
        _ => 0,
    };
    let short = running.iter().enumerate().map(needs).sum::<usize>() > state.blocks_free;
    let given_up = |stalled: u64| stalled >= limits.stalled_ms_max && !state.waiting.is_empty();
    if !short && !running[victim].stalled_ms.is_some_and(given_up) {
        return law("needless", format!("{:?} gives way without need", running[victim]));
    }
    if short && running[victim].stalled_ms.is_none() {
        let better = running.iter().enumerate().find(|&(index, other)| {
            let lower = other.stalled_ms.is_some() || other.rank > running[victim].rank;
            Some(index) != lead && other.blocks_sole > 0 && lower
        });
        if let Some((index, other)) = better {
            return law("who", format!("{victim} gives way before {index}, {other:?}"));
        }
    }
    Ok(())
}

/// What runs, runs by right; who must run, runs.
pub(crate) fn check_run(state: &State<'_>, limits: &Limits, plan: &Plan) -> Result<(), Broken> {
    let running = state.running;
    if plan.admit > state.waiting.len() || running.len() + plan.admit > limits.sequences_max {
        return law("places", format!("{} run, {} more join", running.len(), plan.admit));
    }
    let joined = state.waiting.iter().take(plan.admit).map(as_running(limits));
    let all: Vec<Running> = running.iter().copied().chain(joined).collect();
    if plan.shares.windows(2).any(|pair| pair[0].index >= pair[1].index) {
        return law("shares", "not by rising index");
    }
    let mut given = vec![0; all.len()];
    for share in &plan.shares {
        let Some(sequence) = all.get(share.index) else { return law("shares", "of nobody") };
        if share.tokens == 0 || share.tokens > sequence.pending {
            return law("shares", format!("{share:?} of {sequence:?}"));
        }
        if sequence.stalled_ms.is_some() {
            return law("room", format!("{share:?} of {sequence:?}"));
        }
        given[share.index] = share.tokens;
    }
    let mut prompt_tokens = 0;
    for (sequence, &tokens) in all.iter().zip(&given) {
        prompt_tokens += if sequence.decoding { 0 } else { tokens };
        if sequence.decoding && sequence.stalled_ms.is_none() && tokens == 0 {
            return law("decoding", format!("{sequence:?} stands still"));
        }
    }
    if prompt_tokens > limits.prefill_tokens_max {
        return law("budget", format!("{prompt_tokens} prompt tokens"));
    }
    if let Some(index) = leader(&all).filter(|&index| !all[index].decoding)
        && given[index] < all[index].pending.min(limits.prefill_tokens_max)
    {
        return law("progress", format!("the leader runs {} of {:?}", given[index], all[index]));
    }
    if given.iter().skip(running.len()).any(|&tokens| tokens == 0) {
        return law("joining", "one joins and does not run");
    }
    if plan.shares.is_empty() && running.is_empty() && !state.waiting.is_empty() {
        return law("progress", "nobody runs, and nobody joins");
    }
    check_joining(state, limits, plan)
}

/// Those who join find the blocks for all their tokens and one more, beside what is promised.
fn check_joining(state: &State<'_>, limits: &Limits, plan: &Plan) -> Result<(), Broken> {
    let promised = state.running.iter().map(|sequence| lacks(sequence, sequence.pending, limits));
    let drawn = state.waiting.iter().take(plan.admit).map(|waiting| {
        let shared = waiting.cached / limits.block_tokens;
        (waiting.tokens + 1).div_ceil(limits.block_tokens) - shared + waiting.cached_blocks_idle
    });
    let drawn: usize = drawn.sum();
    if plan.admit > 0 && promised.sum::<usize>() + drawn > state.blocks_free {
        return law("joining", format!("{} join, {drawn} blocks are promised twice", plan.admit));
    }
    Ok(())
}

/// What one who joins is from then on.
fn as_running(limits: &Limits) -> impl Fn(&Waiting) -> Running {
    let block_tokens = limits.block_tokens;
    move |waiting| Running {
        rank: waiting.rank,
        computed: waiting.cached,
        pending: waiting.tokens - waiting.cached,
        decoding: false,
        stalled_ms: None,
        blocks: waiting.cached.div_ceil(block_tokens),
        blocks_sole: 0,
    }
}
