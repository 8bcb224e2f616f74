//! The scheduler's law, rule by rule. That the rules hold together, in every order of arrivals,
//! ends and failures, is shown in `tests/sim`.

use pricket_engine::schedule::{Limits, Plan, Rank, Running, State, Waiting, schedule};
use proptest::prelude::*;

/// Blocks of 4 tokens.
const LIMITS: Limits =
    Limits { block_tokens: 4, sequences_max: 8, prefill_tokens_max: 16, stalled_ms_max: 100 };

fn rank(arrival: u64) -> Rank {
    Rank::new(0, 0, 1_000, arrival)
}

/// One that decodes, with its blocks full or not, and shares none.
fn decoding(arrival: u64, computed: usize) -> Running {
    let blocks = computed.div_ceil(LIMITS.block_tokens);
    Running {
        rank: rank(arrival),
        computed,
        pending: 1,
        decoding: true,
        stalled_ms: None,
        blocks,
        blocks_sole: blocks,
    }
}

/// A prompt with so many tokens to go.
fn prompt(arrival: u64, computed: usize, pending: usize) -> Running {
    Running { pending, decoding: false, ..decoding(arrival, computed) }
}

fn waiting(arrival: u64, tokens: usize) -> Waiting {
    Waiting { rank: rank(arrival), tokens, cached: 0, cached_blocks_idle: 0 }
}

/// The plan: who gives way, how many join, and who runs how much.
fn plan(
    running: &[Running],
    waiting: &[Waiting],
    blocks_free: usize,
    limits: &Limits,
) -> (Option<usize>, usize, Vec<(usize, usize)>) {
    let mut plan = Plan::default();
    schedule(&State { running, waiting, blocks_free }, limits, &mut plan);
    (plan.preempt, plan.admit, plan.shares.iter().map(|s| (s.index, s.tokens)).collect())
}

fn any_running() -> impl Strategy<Value = Running> {
    (any::<bool>(), 0usize..50, 1usize..500, any::<bool>(), any::<u64>()).prop_map(
        |(decodes, computed, pending, stalled, arrival)| Running {
            stalled_ms: stalled.then_some(1),
            ..if decodes { decoding(arrival, computed) } else { prompt(arrival, computed, pending) }
        },
    )
}

proptest! {
    #[test]
    fn budget_fairness_and_room(
        running in proptest::collection::vec(any_running(), 0..40),
        budget in 1usize..300,
    ) {
        let limits = Limits { prefill_tokens_max: budget, sequences_max: 40, ..LIMITS };
        let (preempt, admit, shares) = plan(&running, &[], 1 << 20, &limits);
        prop_assert_eq!((preempt, admit), (None, 0));
        prop_assert!(shares.windows(2).all(|pair| pair[0].0 < pair[1].0));
        prop_assert!(shares.iter().all(|share| share.1 > 0));
        let given = |index: usize| shares.iter().find(|share| share.0 == index).map_or(0, |s| s.1);
        let mut by_rank: Vec<usize> = (0..running.len()).collect();
        by_rank.sort_by_key(|&index| running[index].rank);
        let mut left = budget;
        for index in by_rank {
            let sequence = &running[index];
            let tokens = given(index);
            if !sequence.has_room() {
                prop_assert_eq!(tokens, 0);
            } else if sequence.decoding {
                prop_assert_eq!(tokens, 1);
            } else {
                // By rank, to the last token of the budget.
                prop_assert_eq!(tokens, sequence.pending.min(left));
                left -= tokens;
            }
        }
    }

    #[test]
    fn whatever_it_is_shown_it_stays_within_blocks_and_places(
        running in proptest::collection::vec(any_running(), 0..10),
        lengths in proptest::collection::vec((1usize..100, 0usize..100, 0usize..20), 0..10),
        blocks_free in 0usize..40,
        block_tokens in 0usize..9,
        prefill_tokens_max in 0usize..40,
    ) {
        let waiting: Vec<Waiting> = (0..).zip(&lengths).map(|(arrival, &(tokens, cached, idle))| {
            Waiting { cached, cached_blocks_idle: idle, ..waiting(arrival, tokens) }
        }).collect();
        let limits = Limits { block_tokens, prefill_tokens_max, ..LIMITS };
        let (preempt, admit, shares) = plan(&running, &waiting, blocks_free, &limits);
        prop_assert!(running.len() + admit <= limits.sequences_max.max(running.len()));
        prop_assert!(admit <= waiting.len());
        let block_tokens = block_tokens.max(1);
        let mut taken = 0;
        for head in &waiting[..admit] {
            taken += head.cached_blocks_idle;
            taken += head.cached.div_ceil(block_tokens) - head.cached / block_tokens;
        }
        for &(index, tokens) in &shares {
            let (computed, blocks) = running.get(index).map_or_else(
                || {
                    let cached = waiting[index - running.len()].cached;
                    (cached, cached.div_ceil(block_tokens))
                },
                |running| (running.computed, running.blocks),
            );
            taken += (computed + tokens).div_ceil(block_tokens).saturating_sub(blocks);
        }
        prop_assert!(taken <= blocks_free, "{} of {}", taken, blocks_free);
        if let Some(victim) = preempt {
            prop_assert!(victim < running.len());
            prop_assert!(admit == 0 && shares.is_empty());
        }
    }
}

#[test]
fn a_prompt_runs_beside_answers_one_chunk_at_a_time() {
    let running = [decoding(0, 5), prompt(1, 0, 1_000), decoding(2, 5), prompt(3, 0, 1_000)];
    let found = plan(&running, &[], 1_000, &LIMITS);
    assert_eq!(found, (None, 0, vec![(0, 1), (1, 16), (2, 1)]));
}

#[test]
fn a_step_that_only_measures_decoding_leaves_prompts_out_but_never_stands_still() {
    let limits = Limits { prefill_tokens_max: 0, ..LIMITS };
    let both = [decoding(0, 5), prompt(1, 0, 10)];
    assert_eq!(plan(&both, &[waiting(2, 3)], 100, &limits), (None, 0, vec![(0, 1)]));
    assert_eq!(plan(&both[1..], &[], 100, &limits), (None, 0, vec![(0, 1)]));
    assert_eq!(plan(&[], &[waiting(2, 3)], 100, &limits), (None, 1, vec![(0, 1)]));
}

#[test]
fn one_who_joins_runs_in_the_same_step_and_only_what_the_budget_leaves() {
    let running = [prompt(0, 0, 10)];
    let queue = [waiting(1, 4), waiting(2, 5), waiting(3, 5)];
    // 10, 4 and the 2 that are left; the fourth would get nothing and stays.
    assert_eq!(plan(&running, &queue, 100, &LIMITS), (None, 2, vec![(0, 10), (1, 4), (2, 2)]));
}

#[test]
fn a_better_rank_takes_the_budget_first_whether_it_runs_or_waits() {
    let urgent = Waiting { rank: Rank::new(500, 1, 1_000, 7), ..waiting(0, 12) };
    assert!(urgent.rank < rank(0));
    let found = plan(&[prompt(0, 0, 100)], &[urgent], 100, &LIMITS);
    assert_eq!(found, (None, 1, vec![(0, 4), (1, 12)]));
}

#[test]
fn a_priority_is_worth_the_time_that_a_request_waits() {
    let earlier = Rank::new(10_000, 0, 1_000, 5);
    for (submitted_ms, priority, first) in
        [(10_999, 1, true), (11_000, 1, false), (11_001, 1, false), (9_000, -1, false)]
    {
        let later = Rank::new(submitted_ms, priority, 1_000, 6);
        assert_eq!(later < earlier, first, "{submitted_ms} ms, priority {priority}");
    }
    // Extremes keep their order.
    assert!(Rank::new(0, i8::MAX, u64::MAX, 1) < Rank::new(0, i8::MIN, u64::MAX, 0));
}

#[test]
fn nobody_joins_without_blocks_for_all_its_tokens_and_nobody_overtakes() {
    // 8 tokens and one more: three blocks. Where one decodes, a block is left to it.
    for (free, joins) in [(2, 0), (3, 1)] {
        let found = plan(&[], &[waiting(0, 8), waiting(1, 1)], free, &LIMITS);
        assert_eq!(found.1, joins, "{free} blocks");
    }
    for (free, joins) in [(3, 0), (4, 1)] {
        let found = plan(&[decoding(0, 5)], &[waiting(1, 8), waiting(2, 1)], free, &LIMITS);
        assert_eq!(found.1, joins, "{free} blocks beside one that decodes");
    }
    // What a running prompt still needs is not given away: 20 and one more, less one block, and
    // one to grow.
    for (free, joins) in [(8, 0), (9, 1)] {
        let found = plan(&[prompt(0, 4, 16)], &[waiting(1, 8)], free, &LIMITS);
        assert_eq!(found.1, 0, "no budget is left");
        let limits = Limits { prefill_tokens_max: 17, ..LIMITS };
        let found = plan(&[prompt(0, 4, 16)], &[waiting(1, 8)], free, &limits);
        assert_eq!(found.1, joins, "{free} blocks beside a prompt");
    }
}

#[test]
fn what_is_found_in_the_cache_costs_what_nobody_holds() {
    // 16 tokens and one more are five blocks. Three were found: two are held, one is idle; a fourth
    // of which three tokens fit is copied.
    let found = Waiting { cached: 15, cached_blocks_idle: 1, ..waiting(0, 16) };
    assert_eq!(plan(&[], &[found], 2, &LIMITS).1, 0);
    assert_eq!(plan(&[], &[found], 3, &LIMITS), (None, 1, vec![(0, 1)]));
    // All were found: the last token runs again.
    let all = Waiting { cached: 16, cached_blocks_idle: 0, ..waiting(0, 16) };
    assert_eq!(plan(&[], &[all], 9, &LIMITS), (None, 1, vec![(0, 1)]));
}

#[test]
fn the_lowest_in_rank_gives_way_and_never_the_leader() {
    let full = [decoding(2, 8), decoding(0, 8), decoding(1, 8)];
    assert_eq!(plan(&full, &[], 2, &LIMITS), (Some(0), 0, vec![]));
    assert_eq!(plan(&full, &[], 3, &LIMITS).0, None);
    assert_eq!(plan(&full[1..2], &[], 0, &LIMITS), (None, 0, vec![]), "longer than the pool");
    // A prompt that leads takes its chunk; one that follows takes what is there.
    assert_eq!(plan(&[prompt(0, 0, 16), decoding(1, 5)], &[], 3, &LIMITS).0, Some(1));
    let found = plan(&[decoding(0, 5), prompt(1, 0, 16)], &[], 3, &LIMITS);
    assert_eq!(found, (None, 0, vec![(0, 1), (1, 12)]));
}

#[test]
fn one_whose_reader_is_behind_gives_way_first() {
    let stalled = Running { stalled_ms: Some(1), ..decoding(0, 7) };
    let running = [stalled, decoding(1, 8), decoding(2, 7)];
    assert_eq!(plan(&running, &[], 0, &LIMITS).0, Some(0));
    // Where blocks are there it keeps its own, and does not run.
    assert_eq!(plan(&running, &[], 1, &LIMITS), (None, 0, vec![(1, 1), (2, 1)]));
}

#[test]
fn one_that_gives_nothing_back_stays_while_another_gives() {
    let shares = Running { blocks_sole: 0, ..decoding(2, 7) };
    let running = [decoding(0, 8), decoding(1, 7), shares];
    assert_eq!(plan(&running, &[], 0, &LIMITS).0, Some(1));
    // Where nobody gives anything, blocks may come free that several of them share.
    let running = [decoding(0, 8), shares];
    assert_eq!(plan(&running, &[], 0, &LIMITS).0, Some(1));
}

#[test]
fn a_reader_that_has_stopped_to_read_loses_its_place_to_one_that_waits() {
    let limits = Limits { sequences_max: 2, ..LIMITS };
    let behind = |ms| [Running { stalled_ms: Some(ms), ..decoding(0, 7) }, decoding(1, 6)];
    let queue = [waiting(2, 3)];
    assert_eq!(plan(&behind(99), &queue, 50, &limits), (None, 0, vec![(1, 1)]));
    assert_eq!(plan(&behind(100), &queue, 50, &limits).0, Some(0));
    assert_eq!(plan(&behind(100), &[], 50, &limits).0, None, "nobody waits");
    assert_eq!(plan(&behind(100), &queue, 50, &LIMITS).0, None, "there is a place");
    assert_eq!(plan(&behind(100), &queue, 1, &LIMITS).0, Some(0), "there are no blocks");
}

#[test]
fn drafts_run_as_far_as_there_are_blocks() {
    let drafting = Running { pending: 6, ..decoding(0, 7) };
    // One place in its block; the second block would hold four more.
    assert_eq!(plan(&[drafting], &[], 0, &LIMITS).2, [(0, 1)]);
    assert_eq!(plan(&[drafting], &[], 1, &LIMITS).2, [(0, 5)]);
    assert_eq!(plan(&[drafting], &[], 2, &LIMITS).2, [(0, 6)]);
    // Another's first token goes before drafts, and so does a prompt that leads.
    let both = [drafting, decoding(1, 8)];
    assert_eq!(plan(&both, &[], 1, &LIMITS).2, [(0, 1), (1, 1)]);
    let both = [Running { rank: rank(1), ..drafting }, prompt(0, 0, 8)];
    assert_eq!(plan(&both, &[], 2, &LIMITS).2, [(0, 1), (1, 8)]);
}
