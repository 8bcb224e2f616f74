//! Every sampler, and chains of them in any order, against their definitions in f64.

mod draws;
mod edges;
mod reference;

use std::sync::Arc;

use pricket_core::{LogitBias, SamplerKind, SamplerOrder, SamplingParams};
use pricket_engine::{Breakers, Rng, Sampler, SamplerState};
use reference::Text;

/// The sizes of vocabularies that each sampler is held to.
const SIZES: [usize; 4] = [1, 2, 100, 32_000];

/// Numbers that look like logits: a bell of some width, moved so that signs differ.
pub(crate) fn bell(n: usize, width: f64, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    let mut next = || (0..12).map(|_| rng.next_f64()).sum::<f64>() - 6.0;
    (0..n).map(|_| (next() * width + 1.0) as f32).collect()
}

/// A text that repeats itself, over few tokens and breakers of one and of two.
fn text(vocab_size: usize, seed: u64) -> Text {
    let mut rng = Rng::new(seed ^ 0x7e47);
    let span = vocab_size.min(6) as u64;
    let mut history: Vec<u32> = (0..40).map(|_| (rng.next_u64() % span) as u32).collect();
    let copy = history[rng.next_u64() as usize % 20..][..12].to_vec();
    history.extend(copy);
    Text { history, prompt_len: 30, end_ids: vec![3, 1], breakers: vec![vec![5], vec![4, 2]] }
}

fn state(params: &pricket_core::EffectiveSampling, text: &Text) -> SamplerState {
    let singles = text.breakers.iter().filter(|b| b.len() == 1).map(|b| b[0]).collect();
    SamplerState::new(params)
        .with_breakers(Breakers::new(singles, text.breakers.clone()))
        .with_answer(text.prompt_len, text.end_ids.clone().into())
}

/// Holds the candidates to the reference's, exactly, and their probabilities to a millionth.
fn check(logits: &[f32], text: &Text, params: &SamplingParams) {
    params.validate().unwrap();
    let used = params.effective(1);
    let mut state = state(&used, text);
    let bound = state.mirostat_bound();
    let wanted = reference::distribution(logits, text, &used, &mut Rng::new(used.seed), bound);
    let mut sampler = Sampler::new(logits.len());
    let found =
        sampler.distribution(&mut logits.to_vec(), &text.history, &used, &mut state).unwrap();
    // What is rarer than the smallest single weighs nothing.
    let mut wanted_ids: Vec<u32> = wanted.iter().filter(|t| t.1 > 1e-35).map(|t| t.0).collect();
    let mut ids: Vec<u32> = found.iter().map(|t| t.0).collect();
    // Penalties in f64 can part what is equal in singles: the set counts, and the probabilities.
    wanted_ids.sort_unstable();
    ids.sort_unstable();
    let size = logits.len();
    assert!(ids == wanted_ids, "{size}: {} of {}: {params:?}", ids.len(), wanted_ids.len());
    let exact: std::collections::BTreeMap<u32, f64> = wanted.into_iter().collect();
    for (id, p) in &found {
        let error = (f64::from(*p) - exact[id]).abs();
        assert!(error < 1e-6, "{size}: {id}: {p} is not {}: {params:?}", exact[id]);
    }
    let falls = found.windows(2).all(|pair| pair[0].1 >= pair[1].1);
    assert!(falls, "{size}: {params:?}");
    let sum: f64 = found.iter().map(|t| f64::from(t.1)).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{size}: {sum}");
}

/// Each sampler by itself, with weak and strong knobs.
fn single() -> Vec<SamplingParams> {
    let none = SamplingParams::default;
    let mut all = vec![none(), SamplingParams::greedy()];
    for x in [0.3, 0.8, 1.7] {
        all.push(SamplingParams { temperature: Some(x), ..none() });
        all.push(SamplingParams { temperature: Some(x), dynatemp_range: Some(0.5), ..none() });
        let (range, power) = (Some(x), Some(x * 1.5));
        all.push(SamplingParams { dynatemp_range: range, dynatemp_exponent: power, ..none() });
        all.push(SamplingParams { top_n_sigma: Some(x), ..none() });
        all.push(SamplingParams { repetition_penalty: Some(x), ..none() });
        all.push(SamplingParams { frequency_penalty: Some(x - 1.0), ..none() });
        let (presence, last) = (Some(x), Some(7));
        all.push(SamplingParams { presence_penalty: presence, penalty_last_n: last, ..none() });
        all.push(SamplingParams { dry_multiplier: Some(x), ..none() });
        all.push(SamplingParams {
            dry_multiplier: Some(x),
            dry_base: Some(1.1),
            dry_allowed_length: Some((x * 3.0) as usize),
            dry_penalty_last_n: Some(25),
            ..none()
        });
    }
    for p in [0.02, 0.3, 0.9] {
        all.push(SamplingParams { top_p: Some(p), ..none() });
        all.push(SamplingParams { min_p: Some(p), ..none() });
        all.push(SamplingParams { typical_p: Some(p), ..none() });
        all.push(SamplingParams { xtc_probability: Some(p), xtc_threshold: Some(0.001), ..none() });
    }
    for threshold in [0.0, 0.0004, 0.1, 0.5, 0.51] {
        let (probability, threshold) = (Some(1.0), Some(threshold));
        all.push(SamplingParams {
            xtc_probability: probability,
            xtc_threshold: threshold,
            ..none()
        });
    }
    for k in [1, 2, 40, 1_000, 50_000] {
        all.push(SamplingParams { top_k: Some(k), ..none() });
    }
    for tau in [0.5, 3.0, 5.0, 20.0] {
        let knobs = |version| SamplingParams {
            mirostat: Some(version),
            mirostat_tau: Some(tau),
            // Nothing that a filter would keep.
            top_k: Some(1),
            ..none()
        };
        all.extend([knobs(1), knobs(2)]);
        all.push(SamplingParams { temperature: Some(0.6), ..knobs(1) });
        all.push(SamplingParams { temperature: Some(1.4), ..knobs(2) });
    }
    let bias = LogitBias::new([(0, 2.5), (1, -1.5), (70, 3.0)]).unwrap();
    all.push(SamplingParams { logit_bias: Some(bias), ..none() });
    all
}

#[test]
fn each_sampler_alone_is_its_definition() {
    for (seed, size) in (0..).zip(SIZES) {
        for (turn, params) in (0..).zip(single()) {
            let seed = seed * 1_000 + turn;
            check(&bell(size, 2.5, seed), &text(size, seed), &params);
        }
    }
}

/// A shuffled chain, any part of the samplers.
fn order(rng: &mut Rng, all: bool) -> SamplerOrder {
    let mut kinds = SamplerKind::ALL;
    for at in (1..kinds.len()).rev() {
        kinds.swap(at, rng.next_u64() as usize % (at + 1));
    }
    let len = if all { kinds.len() } else { rng.next_u64() as usize % (kinds.len() + 1) };
    SamplerOrder::new(&kinds[..len]).unwrap()
}

/// Knobs that all do something.
fn knobs(rng: &mut Rng) -> SamplingParams {
    let mut between = |low: f64, high: f64| Some((low + (high - low) * rng.next_f64()) as f32);
    SamplingParams {
        temperature: between(0.5, 1.8),
        dynatemp_range: between(0.0, 0.4),
        dynatemp_exponent: between(0.5, 2.0),
        top_k: between(5.0, 200.0).map(|k| k as usize),
        top_p: between(0.5, 0.99),
        min_p: between(0.0, 0.05),
        typical_p: between(0.6, 0.99),
        top_n_sigma: between(1.0, 3.0),
        xtc_probability: between(0.3, 1.0),
        xtc_threshold: between(0.01, 0.3),
        repetition_penalty: between(0.8, 1.4),
        frequency_penalty: between(-0.2, 0.3),
        presence_penalty: between(-0.3, 0.5),
        penalty_last_n: between(0.0, 60.0).map(|n| n as usize),
        dry_multiplier: between(0.2, 1.0),
        dry_base: between(1.0, 2.0),
        dry_allowed_length: between(1.0, 5.0).map(|n| n as usize),
        dry_penalty_last_n: between(0.0, 60.0).map(|n| n as usize),
        logit_bias: Some(LogitBias::new([(0, 1.0), (2, -100.0), (90, 2.0)]).unwrap()),
        bad_words: Some(Arc::new([vec![4], vec![0, 9], vec![1, 8]])),
        min_tokens: between(0.0, 40.0).map(|n| n as usize),
        ..SamplingParams::default()
    }
}

#[test]
fn every_order_of_the_chain_is_the_reference_in_that_order() {
    let mut rng = Rng::new(99);
    for turn in 0..400 {
        let size = if turn % 10 == 0 { 32_000 } else { 100 + turn as usize };
        let samplers = Some(order(&mut rng, turn % 2 == 0));
        let params = SamplingParams { samplers, ..knobs(&mut rng) };
        check(&bell(size, 2.5, turn), &text(size, turn), &params);
    }
}

#[test]
fn mirostat_takes_the_place_of_the_filters_in_any_order() {
    let mut rng = Rng::new(7);
    for turn in 0..60 {
        let samplers = Some(order(&mut rng, turn % 2 == 0));
        let mirostat = Some(1 + (turn % 2) as u8);
        let params = SamplingParams {
            samplers,
            mirostat,
            mirostat_tau: Some(1.0 + turn as f32 * 0.1),
            ..knobs(&mut rng)
        };
        check(&bell(300, 2.5, turn), &text(300, turn), &params);
    }
}
