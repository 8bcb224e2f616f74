//! Filters and draws against a plain definition in f64.

use std::collections::BTreeSet;

use pricket_core::{EffectiveSampling, SamplingParams};
use pricket_engine::{Rng, Sampler, SamplerState};
use proptest::prelude::*;

/// The exact distribution: the tokens that the filters leave, with their probabilities, by the
/// definition and without a thought of speed.
fn exact(logits: &[f32], params: &EffectiveSampling) -> Vec<(u32, f64)> {
    let mut kept: Vec<(u32, f64)> = (0u32..).zip(logits.iter().map(|&x| f64::from(x))).collect();
    kept.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if params.top_k > 0 {
        kept.truncate(params.top_k);
    }
    let max = kept[0].1;
    let sum: f64 = kept.iter().map(|t| (t.1 - max).exp()).sum();
    if params.top_p < 1.0 {
        let mut reached = 0.0;
        let last = kept.iter().position(|t| {
            reached += (t.1 - max).exp() / sum;
            reached >= f64::from(params.top_p)
        });
        kept.truncate(last.map_or(kept.len(), |last| last + 1));
    }
    kept.retain(|t| params.min_p == 0.0 || (t.1 - max).exp() >= f64::from(params.min_p));
    let t = f64::from(params.temperature);
    let sum: f64 = kept.iter().map(|k| ((k.1 - max) / t).exp()).sum();
    kept.iter().map(|k| (k.0, ((k.1 - max) / t).exp() / sum)).collect()
}

/// Holds the frequencies of many draws against the exact distribution.
fn check_draws(logits: &[f32], params: &SamplingParams, seed: u64) {
    const DRAWS: u32 = 30_000;
    let effective = params.effective(seed);
    let expected = exact(logits, &effective);
    let mut sampler = Sampler::new(logits.len());
    let mut state = SamplerState::new(&effective);
    let mut counts = vec![0u32; logits.len()];
    let mut row = logits.to_vec();
    for _ in 0..DRAWS {
        row.copy_from_slice(logits);
        counts[sampler.sample(&mut row, &[], &effective, &mut state).unwrap() as usize] += 1;
    }
    let allowed: BTreeSet<u32> = expected.iter().map(|t| t.0).collect();
    for (id, &count) in (0u32..).zip(&counts) {
        assert!(count == 0 || allowed.contains(&id), "token {id} was filtered, and drawn");
    }
    // Classes of fewer than five expected draws go together.
    let (mut chi, mut classes, mut rare) = (0.0, 0u32, (0.0, 0.0));
    for &(id, p) in &expected {
        let (want, have) = (p * f64::from(DRAWS), f64::from(counts[id as usize]));
        if want < 5.0 {
            rare = (rare.0 + want, rare.1 + have);
        } else {
            chi += (have - want).powi(2) / want;
            classes += 1;
        }
    }
    if rare.0 >= 5.0 {
        chi += (rare.1 - rare.0).powi(2) / rare.0;
        classes += 1;
    }
    let freedom = f64::from(classes.saturating_sub(1));
    // Wilson and Hilferty's approximation of the quantile, 4.5 standard deviations out.
    let spread = (2.0 / (9.0 * freedom.max(1.0))).sqrt();
    let bound = freedom.max(1.0) * (1.0 - spread * spread + 4.5 * spread).powi(3);
    assert!(chi <= bound, "{params:?}: chi-square {chi} of {freedom} degrees, at most {bound}");
}

/// Numbers that look like logits: a bell of some width.
fn bell(n: usize, width: f64, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    let mut next = || (0..12).map(|_| rng.next_f64()).sum::<f64>() - 6.0;
    (0..n).map(|_| (next() * width) as f32).collect()
}

#[test]
fn draws_follow_the_exact_distribution() {
    let knobs = |temperature, top_k, top_p, min_p| SamplingParams {
        temperature: Some(temperature),
        top_k: Some(top_k),
        top_p: Some(top_p),
        min_p: Some(min_p),
        ..Default::default()
    };
    let small = bell(40, 2.0, 1);
    let large = bell(1_000, 2.0, 2);
    for (seed, params) in (0..).zip([
        knobs(1.0, 0, 1.0, 0.0),
        knobs(0.5, 0, 1.0, 0.0),
        knobs(2.5, 0, 1.0, 0.0),
        knobs(1.0, 7, 1.0, 0.0),
        knobs(1.0, 0, 0.7, 0.0),
        knobs(1.0, 0, 1.0, 0.1),
        knobs(0.8, 20, 0.9, 0.05),
    ]) {
        check_draws(&small, &params, seed);
        check_draws(&large, &params, seed);
    }
}

/// Over a large vocabulary the edge of top-p is guessed from a sample first. Whatever the sample
/// sees, the tokens that are left are those of the definition: at a temperature at which all of
/// them are about equally likely, each is drawn, and no other.
#[test]
fn a_guessed_edge_changes_nothing() {
    const VOCAB_SIZE: usize = 10_000;
    let shifted = |lifted: &dyn Fn(usize) -> bool| -> Vec<f32> {
        let lift = |(id, x): (usize, f32)| if lifted(id) { x + 2.0 } else { x };
        bell(VOCAB_SIZE, 2.0, 3).into_iter().enumerate().map(lift).collect()
    };
    // Seen as it is; every sixteenth token stands out; or all others do; or there are ties only.
    for (shape, logits) in [
        ("bell", shifted(&|_| false)),
        ("sampled", shifted(&|id| id % 16 == 0)),
        ("hidden", shifted(&|id| id % 16 != 0 && id % 9 == 0)),
        ("ties", (0..VOCAB_SIZE).map(|id| if id % 50 == 1 { 9.0 } else { 0.0 }).collect()),
    ] {
        let params = SamplingParams {
            temperature: Some(1_000.0),
            top_k: Some(0),
            top_p: Some(0.7),
            ..Default::default()
        }
        .effective(1);
        let expected: BTreeSet<u32> = exact(&logits, &params).iter().map(|t| t.0).collect();
        assert!((50..1_000).contains(&expected.len()), "{shape}: {}", expected.len());
        let mut sampler = Sampler::new(VOCAB_SIZE);
        let mut state = SamplerState::new(&params);
        let mut row = logits.clone();
        let drawn: BTreeSet<u32> = (0..expected.len() * 25)
            .map(|_| {
                row.copy_from_slice(&logits);
                sampler.sample(&mut row, &[], &params, &mut state).unwrap()
            })
            .collect();
        // The order of a sum may decide about the one token at the edge.
        let differing = drawn.symmetric_difference(&expected).count();
        assert!(differing <= 1, "{shape}: {} drawn of {}", drawn.len(), expected.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_drawn_is_in_the_exact_set_and_all_of_it_is_drawn(
        // Few values, so that there are ties.
        levels in proptest::collection::vec(0u8..6, 1..100),
        top_k in 0usize..50,
        top_p in 0.05f32..1.0,
        seed: u64,
    ) {
        let logits: Vec<f32> = levels.iter().map(|&level| f32::from(level) * 0.1).collect();
        let params = SamplingParams {
            top_k: Some(top_k),
            top_p: Some(top_p),
            ..Default::default()
        }
        .effective(seed);
        let expected: BTreeSet<u32> = exact(&logits, &params).iter().map(|t| t.0).collect();
        let mut sampler = Sampler::new(logits.len());
        let mut state = SamplerState::new(&params);
        let mut drawn = BTreeSet::new();
        // The rarest of 100 nearly equal tokens stays undrawn with probability under 1e-8.
        for _ in 0..3_000 {
            let mut row = logits.clone();
            drawn.insert(sampler.sample(&mut row, &[], &params, &mut state).unwrap());
        }
        // At the edge of top-p a sum in f64 decides; only there may the sets differ, by one token.
        let differing = drawn.symmetric_difference(&expected).count();
        prop_assert!(differing <= 1, "{differing}: {drawn:?} {expected:?}");
        if top_p > 0.999 {
            prop_assert_eq!(drawn, expected);
        }
    }

}

proptest! {
    #[test]
    fn no_row_makes_it_panic(
        row in proptest::collection::vec(any::<f32>(), 0..100),
        temperature in prop_oneof![Just(0.0f32), Just(1e-40), Just(1.0), Just(3e38)],
        top_k in 0usize..120,
        top_p in prop_oneof![Just(1.0f32), Just(1e-38), 0.0001f32..1.0],
        min_p in 0.0f32..1.0,
    ) {
        let params = SamplingParams {
            temperature: Some(temperature),
            top_k: Some(top_k),
            top_p: Some(top_p),
            min_p: Some(min_p),
            ..Default::default()
        }
        .effective(1);
        let mut sampler = Sampler::new(row.len());
        let mut state = SamplerState::new(&params);
        let picked = sampler.sample(&mut row.clone(), &[], &params, &mut state);
        let bad = row.iter().any(|x| x.is_nan() || *x == f32::INFINITY);
        let possible = row.iter().any(|x| x.is_finite());
        prop_assert_eq!(picked.is_ok(), possible && !bad);
        if let Ok(id) = picked {
            prop_assert!(row[id as usize].is_finite());
        }
    }
}

#[test]
fn top_k_keeps_exactly_k_and_of_equals_the_lower_ids() {
    let params = SamplingParams { top_k: Some(3), ..Default::default() }.effective(0);
    let logits = [1.0, 2.0, 1.0, 1.0, 1.0, -0.0, 0.0];
    let mut sampler = Sampler::new(logits.len());
    let mut state = SamplerState::new(&params);
    let drawn: BTreeSet<u32> = (0..1_000)
        .map(|_| sampler.sample(&mut logits.clone(), &[], &params, &mut state).unwrap())
        .collect();
    assert_eq!(drawn, BTreeSet::from([0, 1, 2]));
    // Minus zero and zero are equal, so the lower id of the two stays.
    let zeros = [-0.0, 0.0, -1.0];
    let one = SamplingParams { top_k: Some(1), ..Default::default() }.effective(0);
    assert_eq!(sampler.sample(&mut zeros.clone(), &[], &one, &mut state).unwrap(), 0);
}

#[test]
fn greedy_takes_the_first_of_equals_in_any_place() {
    let greedy = SamplingParams::greedy().effective(0);
    for len in [1usize, 2, 15, 16, 17, 63, 64, 65, 1_000] {
        let mut sampler = Sampler::new(len);
        for at in 0..len {
            let mut row = vec![0.5; len];
            row[at] = 1.0;
            row[len - 1] = 1.0;
            let mut state = SamplerState::new(&greedy);
            let picked = sampler.sample(&mut row, &[], &greedy, &mut state).unwrap();
            assert_eq!(picked as usize, at);
        }
    }
}

#[test]
fn logprobs_are_natural_logs_before_any_filter() {
    let logits = bell(500, 3.0, 9);
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|&x| (f64::from(x) - max).exp()).sum();
    let exact: Vec<f64> = logits.iter().map(|&x| f64::from(x) - max - sum.ln()).collect();
    let params = SamplingParams {
        repetition_penalty: Some(1.8),
        top_k: Some(5),
        temperature: Some(0.3),
        ..Default::default()
    }
    .effective(4);
    let history: Vec<u32> = (0..500).collect();
    let mut sampler = Sampler::new(logits.len());
    let mut state = SamplerState::new(&params);
    let found = sampler
        .sample_with_logprobs(&mut logits.clone(), &history, &params, &mut state, 10)
        .unwrap();
    assert!((f64::from(found.logprob) - exact[found.id as usize]).abs() < 1e-5);
    let mut ranked: Vec<usize> = (0..500).collect();
    ranked.sort_by(|&a, &b| exact[b].total_cmp(&exact[a]).then(a.cmp(&b)));
    let top: Vec<usize> = found.top.iter().map(|t| t.0 as usize).collect();
    assert_eq!(top, ranked[..10]);
    for &(id, logprob) in &found.top {
        assert!((f64::from(logprob) - exact[id as usize]).abs() < 1e-5);
    }
}

#[test]
fn a_vocabulary_of_any_size_works() {
    let params = SamplingParams { top_p: Some(0.9), seed: Some(1), ..Default::default() };
    for n in [1, 2, 32_000, 262_144] {
        let logits = bell(n, 2.0, 5);
        let allowed: BTreeSet<u32> =
            exact(&logits, &params.effective(0)).iter().map(|t| t.0).collect();
        let mut sampler = Sampler::new(n);
        let mut state = SamplerState::new(&params.effective(0));
        for _ in 0..50 {
            let id =
                sampler.sample(&mut logits.clone(), &[], &params.effective(0), &mut state).unwrap();
            assert!(allowed.contains(&id));
        }
    }
}
