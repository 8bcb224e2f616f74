//! Penalties against their formula in f64.

use pricket_core::SamplingParams;
use pricket_engine::{Sampler, SamplerState};
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_logit_is_what_the_formula_says(
        logits in proptest::collection::vec(-20.0f32..20.0, 1..200),
        history in proptest::collection::vec(0u32..260, 0..300),
        repetition in 0.2f32..3.0,
        frequency in -2.0f32..2.0,
        presence in -2.0f32..2.0,
        last_n in 0usize..400,
    ) {
        let params = SamplingParams {
            repetition_penalty: Some(repetition),
            frequency_penalty: Some(frequency),
            presence_penalty: Some(presence),
            penalty_last_n: Some(last_n),
            ..SamplingParams::greedy()
        };
        let mut row = logits.clone();
        let mut sampler = Sampler::new(logits.len());
        let params = params.effective(0);
        let mut state = SamplerState::new(&params);
        let picked = sampler.sample(&mut row, &history, &params, &mut state);
        let from = if last_n == 0 { 0 } else { history.len().saturating_sub(last_n) };
        for (id, (&before, &after)) in logits.iter().zip(&row).enumerate() {
            let count = history[from..].iter().filter(|&&h| h as usize == id).count() as f64;
            let mut expected = f64::from(before);
            if count > 0.0 {
                let r = f64::from(repetition);
                expected = if expected > 0.0 { expected / r } else { expected * r };
                expected -= count * f64::from(frequency) + f64::from(presence);
            }
            prop_assert!((f64::from(after) - expected).abs() < 1e-4, "{id}: {after} {expected}");
        }
        let best = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let first = row.iter().position(|x| x.total_cmp(&best).is_eq()).unwrap();
        prop_assert_eq!(picked.unwrap() as usize, first);
    }
}

#[test]
fn what_cannot_come_still_cannot_and_extremes_stay_finite() {
    let params = SamplingParams {
        repetition_penalty: Some(1e-30),
        frequency_penalty: Some(-3e38),
        presence_penalty: Some(3e38),
        ..SamplingParams::greedy()
    }
    .effective(0);
    let mut row = [1e20, -1e20, f32::NEG_INFINITY, 0.0];
    let history = [0, 0, 1, 2, 2, 3, u32::MAX];
    let mut sampler = Sampler::new(row.len());
    let mut state = SamplerState::new(&params);
    let picked = sampler.sample(&mut row, &history, &params, &mut state).unwrap();
    assert_eq!(picked, 0);
    assert!(row[2] == f32::NEG_INFINITY && row[0].is_finite() && row[1].is_finite(), "{row:?}");
}
