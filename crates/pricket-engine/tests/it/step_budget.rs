//! The prompt tokens of a step, over costs that are made up and known.

use std::time::Duration;

use pricket_engine::limits::{MIXED_STEPS_MAX, PREFILL_TOKENS_MIN, STEP_GROWTH_MAX};
use pricket_engine::schedule::StepBudget;

const TOKENS_MAX: usize = 512;

/// Microseconds of a step with so many decoding sequences and prompt tokens.
type Cost = fn(step: usize, decoding: usize, prompt: usize) -> f64;

/// 20 ms of decoding, and 1 for each of 10 prompt tokens.
fn linear(_: usize, decoding: usize, prompt: usize) -> f64 {
    20_000.0 + 100.0 * decoding as f64 + 100.0 * prompt as f64
}

/// The same with up to 20 % more or less, by a generator of its own.
fn noisy(step: usize, decoding: usize, prompt: usize) -> f64 {
    let mut bits = (step as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let part = (bits >> 40) as f64 / (1u64 << 24) as f64;
    linear(step, decoding, prompt) * (0.8 + 0.4 * part)
}

/// Every tile of 64 prompt tokens is paid whole, and the first costs 3 ms more.
fn tiled(step: usize, decoding: usize, prompt: usize) -> f64 {
    let first = if prompt > 0 { 3_000.0 } else { 0.0 };
    linear(step, decoding, prompt.next_multiple_of(64)) + first
}

/// From step 300 on the machine is three times as slow, and every fiftieth step is held up.
fn jumping(step: usize, decoding: usize, prompt: usize) -> f64 {
    let slower = if step >= 300 { 3.0 } else { 1.0 };
    let held_up = if step % 50 == 49 { 500_000.0 } else { 0.0 };
    linear(step, decoding, prompt) * slower + held_up
}

/// A prompt token costs three times as much from step 300 on, decoding what it did.
fn dearer(step: usize, decoding: usize, prompt: usize) -> f64 {
    linear(step, decoding, prompt * if step >= 300 { 3 } else { 1 })
}

/// Prompts without end beside `decoding` answers: (prompt tokens, growth over pure decoding) of
/// each step.
fn run(cost: Cost, decoding: usize, steps: usize) -> Vec<(usize, f64)> {
    let mut budget = StepBudget::new(TOKENS_MAX);
    let took = |micros: f64| Duration::from_nanos((micros * 1e3) as u64);
    // The first prompt ran alone.
    budget.record(0, TOKENS_MAX, took(cost(0, 0, TOKENS_MAX)));
    (0..steps)
        .map(|step| {
            let prompt = budget.prompt_tokens(decoding);
            let micros = cost(step, decoding, prompt);
            budget.record(decoding, prompt, took(micros));
            (prompt, micros / cost(step, decoding, 0))
        })
        .collect()
}

#[test]
fn a_known_cost_gives_the_tokens_that_it_allows() {
    for decoding in [1, 3, 8, 200] {
        let steps = run(linear, decoding, 200);
        assert_eq!(steps[0].0, 0, "nothing is known yet");
        let base = linear(0, decoding, 0);
        let allowed = (base * (STEP_GROWTH_MAX - 1.0) / 100.0).min(TOKENS_MAX as f64) as usize;
        let settled = steps[10..].iter().filter(|step| step.0 > 0);
        for &(tokens, growth) in settled {
            assert!(tokens.abs_diff(allowed) <= 1, "{tokens} of {allowed}, {decoding} decode");
            assert!(growth <= STEP_GROWTH_MAX + 0.01);
        }
    }
}

#[test]
fn what_it_costs_to_measure_is_a_step_in_thirty_three() {
    let steps = run(linear, 4, 33 * 10);
    let pure = steps.iter().filter(|step| step.0 == 0).count();
    assert_eq!(pure, 330 / (MIXED_STEPS_MAX + 1));
}

#[test]
fn growth_stays_below_twice_under_noise_tiles_and_jumps() {
    // (name, cost, steps beyond twice of 600, least prompt tokens per step)
    let table: [(&str, Cost, usize, usize); 4] = [
        ("noisy", noisy, 18, 130),
        ("tiled", tiled, 30, 100),
        ("jumping", jumping, 0, 120),
        ("dearer", dearer, 4, 95),
    ];
    for (name, cost, beyond_max, mean_min) in table {
        let steps = run(cost, 4, 600);
        // What held the machine up, or made it slower, is in both parts of the ratio.
        let beyond = steps.iter().filter(|step| step.1 > 2.0).count();
        let mean = steps.iter().map(|step| step.0).sum::<usize>() / steps.len();
        assert!(beyond <= beyond_max, "{name}: {beyond} steps of 600 beyond twice");
        assert!(mean >= mean_min, "{name}: {mean} prompt tokens per step");
    }
}

#[test]
fn a_step_is_never_without_its_least_and_never_beyond_its_most() {
    let took = Duration::from_millis;
    let mut budget = StepBudget::new(TOKENS_MAX);
    assert_eq!((budget.prompt_tokens(0), budget.prompt_tokens(3)), (TOKENS_MAX, 0));
    budget.record(3, 0, took(10));
    // What a token costs is not known.
    assert_eq!(budget.prompt_tokens(3), PREFILL_TOKENS_MIN);
    // A token costs as much as a step.
    for _ in 0..9 {
        budget.record(3, 16, took(160));
    }
    assert_eq!(budget.prompt_tokens(3), PREFILL_TOKENS_MIN);
    // A token costs nothing.
    for _ in 0..9 {
        budget.record(3, 16, took(10));
    }
    assert_eq!(budget.prompt_tokens(3), TOKENS_MAX);
    // Fewer than the least are all that there may be.
    let mut small = StepBudget::new(5);
    small.record(1, 0, took(10));
    small.record(1, 5, took(1_000));
    assert_eq!((small.prompt_tokens(0), small.prompt_tokens(1)), (5, 5));
    // No time at all was measured.
    let mut instant = StepBudget::new(TOKENS_MAX);
    instant.record(1, 0, Duration::ZERO);
    instant.record(1, 100, Duration::ZERO);
    assert!((PREFILL_TOKENS_MIN..=TOKENS_MAX).contains(&instant.prompt_tokens(1)));
}

#[test]
fn another_number_of_answers_is_judged_by_its_neighbours_and_never_too_long() {
    let took = Duration::from_millis;
    let mut budget = StepBudget::new(TOKENS_MAX);
    budget.record(0, 100, took(10));
    budget.record(8, 0, took(40));
    // At least an eighth of 40 ms for one of eight, at 0.1 ms per token.
    assert_eq!(budget.prompt_tokens(8), 320);
    assert!((PREFILL_TOKENS_MIN..=40).contains(&budget.prompt_tokens(1)));
    // More than eight take no less.
    assert_eq!(budget.prompt_tokens(100), 320);
    budget.record(1, 0, took(25));
    assert_eq!(budget.prompt_tokens(1), 200);
    assert_eq!(budget.prompt_tokens(4), 200, "as the fewer, which take no longer");
}
