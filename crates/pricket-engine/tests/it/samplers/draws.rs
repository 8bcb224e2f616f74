//! Draws: their frequencies, and what a seed decides.

use std::collections::BTreeMap;

use pricket_core::{EffectiveSampling, SamplingParams};
use pricket_engine::{Rng, Sampler};

use super::reference::{self, Text};
use super::{bell, knobs, order, state, text};

const DRAWS: u32 = 100_000;

/// The exact distribution of a draw, XTC's own chance in it.
fn exact(logits: &[f32], text: &Text, params: &EffectiveSampling) -> BTreeMap<u32, f64> {
    let bound = 2.0 * f64::from(params.mirostat_tau);
    let chance = f64::from(params.xtc_probability);
    let mut sum = BTreeMap::new();
    for (probability, share) in [(0.0, 1.0 - chance), (1.0, chance)] {
        let sure = EffectiveSampling { xtc_probability: probability, ..params.clone() };
        for (id, p) in reference::distribution(logits, text, &sure, &mut Rng::new(0), bound) {
            *sum.entry(id).or_insert(0.0) += share * p;
        }
    }
    sum.retain(|_, p| *p > 0.0);
    sum
}

#[test]
fn draws_follow_the_exact_distribution_of_their_chain() {
    let none = SamplingParams::default;
    // A rate of 0 keeps Mirostat's bound where it is, so that the draws are of one distribution.
    let mirostat = |version| SamplingParams {
        mirostat: Some(version),
        mirostat_tau: Some(2.5),
        mirostat_eta: Some(0.0),
        ..none()
    };
    let mut rng = Rng::new(5);
    let chains = [
        none(),
        SamplingParams { typical_p: Some(0.8), ..none() },
        SamplingParams { top_n_sigma: Some(1.5), temperature: Some(2.0), ..none() },
        SamplingParams { xtc_probability: Some(0.4), xtc_threshold: Some(0.05), ..none() },
        SamplingParams { dynatemp_range: Some(0.7), ..none() },
        SamplingParams { dry_multiplier: Some(0.8), ..none() },
        mirostat(1),
        mirostat(2),
        knobs(&mut rng),
        SamplingParams { samplers: Some(order(&mut rng, true)), ..knobs(&mut rng) },
    ];
    for (seed, params) in (0..).zip(chains) {
        let (logits, text) = (bell(60, 2.0, seed), text(60, seed));
        let used = params.effective(seed);
        let wanted = exact(&logits, &text, &used);
        let mut state = state(&used, &text);
        let mut sampler = Sampler::new(logits.len());
        let mut counts = BTreeMap::new();
        let mut row = logits.clone();
        for _ in 0..DRAWS {
            row.copy_from_slice(&logits);
            let id = sampler.sample(&mut row, &text.history, &used, &mut state).unwrap();
            *counts.entry(id).or_insert(0u32) += 1;
        }
        assert!(counts.keys().all(|id| wanted.contains_key(id)), "{params:?}");
        // Classes of fewer than five expected draws go together.
        let (mut chi, mut classes, mut rare) = (0.0, 0u32, (0.0, 0.0));
        for (id, p) in &wanted {
            let want = p * f64::from(DRAWS);
            let have = f64::from(counts.get(id).copied().unwrap_or(0));
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
        let freedom = f64::from(classes.saturating_sub(1).max(1));
        // Wilson and Hilferty's approximation of the quantile, 4 standard deviations out.
        let spread = (2.0 / (9.0 * freedom)).sqrt();
        let most = freedom * (1.0 - spread * spread + 4.0 * spread).powi(3);
        assert!(classes > 1 && chi <= most, "{chi} of {freedom}, at most {most}: {params:?}");
    }
}

/// A sequence of tokens, each row the reference's bell of another seed.
fn sequence(params: &SamplingParams, sampler: &mut Sampler, seed: u64) -> Vec<u32> {
    let used = params.effective(seed);
    let mut text = text(200, 1);
    let mut state = state(&used, &text);
    for turn in 0..60 {
        let mut row = bell(200, 2.0, turn);
        let id = sampler.sample(&mut row, &text.history, &used, &mut state).unwrap();
        text.history.push(id);
    }
    text.history
}

#[test]
fn the_seed_alone_decides_whatever_the_sampler_did_before() {
    let mut rng = Rng::new(11);
    let mut shared = Sampler::new(200);
    for turn in 0..12u8 {
        let samplers = Some(order(&mut rng, true));
        let params = SamplingParams { samplers, mirostat: Some(turn % 3), ..knobs(&mut rng) };
        let fresh = sequence(&params, &mut Sampler::new(200), 4);
        assert_eq!(sequence(&params, &mut shared, 4), fresh, "{params:?}");
        assert_ne!(sequence(&params, &mut shared, 5), fresh, "{params:?}");
    }
}

#[test]
fn mirostat_moves_its_bound_by_the_surprise_of_each_draw() {
    for version in [1, 2] {
        let params = SamplingParams {
            mirostat: Some(version),
            mirostat_tau: Some(2.0),
            mirostat_eta: Some(0.3),
            ..SamplingParams::default()
        };
        let used = params.effective(3);
        let text = Text::default();
        let mut state = state(&used, &text);
        let mut sampler = Sampler::new(500);
        let (mut bound, mut surprises) = (4.0, 0.0);
        assert!((state.mirostat_bound() - bound).abs() < 1e-9);
        for turn in 0..400 {
            let logits = bell(500, 2.0, turn);
            let left = reference::distribution(&logits, &text, &used, &mut Rng::new(0), bound);
            let id = sampler.sample(&mut logits.clone(), &[], &used, &mut state).unwrap();
            let p = left.iter().find(|t| t.0 == id).unwrap().1;
            surprises += -p.log2();
            bound -= 0.3 * (-p.log2() - 2.0);
            // The sums of singles differ in the seventh place.
            assert!((state.mirostat_bound() - bound).abs() < 1e-4, "{version}: {turn}");
        }
        let mean = surprises / 400.0;
        assert!((mean - 2.0).abs() < 0.1, "version {version} surprises by {mean} bits");
    }
}
