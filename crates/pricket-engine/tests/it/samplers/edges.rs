//! Bans, minimum lengths, ties, and rows that leave nothing to choose.

use std::sync::Arc;

use pricket_core::{
    CompletionProvider, CompletionRequest, ErrorKind, LogitBias, SamplerKind, SamplerOrder,
    SamplingParams,
};
use pricket_engine::{Breakers, EngineError, EngineOptions, Sampler, SamplerState};
use proptest::prelude::*;

use crate::kit::{complete, dreaming, engine, fail, saying};

fn ids_left(logits: &[f32], history: &[u32], params: &SamplingParams) -> Vec<u32> {
    let used = params.effective(1);
    let mut state = SamplerState::new(&used);
    let mut sampler = Sampler::new(logits.len());
    let left = sampler.distribution(&mut logits.to_vec(), history, &used, &mut state).unwrap();
    left.into_iter().map(|t| t.0).collect()
}

#[test]
fn of_equal_tokens_the_lower_ids_stay_and_xtc_keeps_the_last() {
    let logits = [1.0; 8];
    let none = SamplingParams::default;
    let left = |params| ids_left(&logits, &[], &params);
    assert_eq!(left(SamplingParams { typical_p: Some(0.45), ..none() }), [0, 1, 2, 3]);
    assert_eq!(left(SamplingParams { top_n_sigma: Some(0.5), ..none() }).len(), 8);
    let xtc = SamplingParams { xtc_probability: Some(1.0), xtc_threshold: Some(0.1), ..none() };
    assert_eq!(left(xtc.clone()), [7]);
    // One token alone reaches this threshold, or none: nothing is dropped.
    let high = SamplingParams { xtc_threshold: Some(0.4), ..xtc.clone() };
    assert_eq!(left(high).len(), 8);
    // The likeliest of what XTC leaves is what greedy takes.
    let mut row = vec![0.0; 8];
    (row[2], row[5]) = (2.0, 3.0);
    let greedy = SamplingParams { temperature: Some(0.0), xtc_threshold: Some(0.2), ..xtc };
    assert_eq!(ids_left(&row, &[], &greedy), [2]);
}

#[test]
fn a_sampler_that_is_not_in_the_chain_does_nothing() {
    let params = SamplingParams {
        temperature: Some(0.0),
        top_k: Some(2),
        samplers: Some(SamplerOrder::new(&[SamplerKind::TopK]).unwrap()),
        ..SamplingParams::default()
    };
    assert_eq!(ids_left(&[3.0, 1.0, 2.0], &[], &params), [0, 2]);
    let empty = SamplingParams { samplers: Some(SamplerOrder::new(&[]).unwrap()), ..params };
    assert_eq!(ids_left(&[3.0, 1.0, 2.0], &[], &empty), [0, 2, 1]);
}

#[test]
fn bad_words_are_banned_where_they_would_be_completed() {
    let words: Arc<[Vec<u32>]> = Arc::new([vec![3], vec![1, 2], vec![0, 1, 0], vec![9, 1_000]]);
    let params = SamplingParams { bad_words: Some(words), ..SamplingParams::default() };
    let row = [0.0; 4];
    assert_eq!(ids_left(&row, &[], &params), [0, 1, 2]);
    assert_eq!(ids_left(&row, &[0, 1], &params), [1]);
    assert_eq!(ids_left(&row, &[2, 1], &params), [0, 1]);
    assert_eq!(ids_left(&row, &[9], &params), [0, 1, 2]);
}

#[test]
fn a_request_that_bans_everything_is_told_so() {
    let bias = LogitBias::new([(0, -100.0), (1, f32::NEG_INFINITY)]).unwrap();
    let params = SamplingParams { logit_bias: Some(bias), ..SamplingParams::default() };
    let used = params.effective(1);
    let mut state = SamplerState::new(&used);
    let mut sampler = Sampler::new(2);
    let refused = sampler.sample(&mut [1.0, 2.0], &[], &used, &mut state).unwrap_err();
    assert!(matches!(refused, EngineError::TokensAllBanned), "{refused}");
    // A row that is wrong by itself is the model's fault.
    let refused = sampler.sample(&mut [1.0, f32::NAN], &[], &params.effective(1), &mut state);
    assert!(refused.is_err());
    let plain = SamplingParams::default().effective(1);
    let refused = sampler.sample(&mut [f32::NEG_INFINITY; 2], &[], &plain, &mut state).unwrap_err();
    assert!(matches!(refused, EngineError::LogitsNotFinite { .. }), "{refused}");
}

#[test]
fn an_answer_does_not_end_before_its_least_length() {
    let (engine, _) = engine(&EngineOptions::default(), saying("hi"));
    let ask = |min_tokens| {
        let sampling = SamplingParams { min_tokens: Some(min_tokens), ..SamplingParams::greedy() };
        let request = CompletionRequest::raw("once").sampling(sampling).max_tokens(20);
        complete(engine.complete(request)).usage.completion_tokens
    };
    // It would end with its third token. In place of an end comes the likeliest other one, and the
    // script wants the next end three tokens later.
    assert_eq!([0, 2, 3, 5, 6].map(ask), [3, 3, 6, 6, 9]);
}

#[test]
fn dry_counts_back_to_a_breaker_and_no_further() {
    let params = SamplingParams { dry_multiplier: Some(1.0), ..SamplingParams::default() };
    let used = params.effective(1);
    let lost = |history: &[u32], breakers: Breakers| {
        let mut state = SamplerState::new(&used).with_breakers(breakers);
        let mut row = vec![0.0; 10];
        Sampler::new(10).sample(&mut row, history, &used, &mut state).unwrap();
        row[7]
    };
    let history = [1, 2, 3, 4, 7, 1, 2, 3, 4];
    let base = 1.75f32;
    assert!((lost(&history, Breakers::default()) + base * base).abs() < 1e-6);
    assert!((lost(&history, Breakers::new(vec![1], vec![])) + base).abs() < 1e-6);
    assert!((lost(&history, Breakers::new(vec![], vec![vec![1, 2]])) + 1.0).abs() < 1e-6);
    assert!(lost(&history, Breakers::new(vec![3], vec![])).abs() < 1e-6);
    assert!(lost(&history, Breakers::new(vec![7], vec![])).abs() < 1e-6);
}

#[test]
fn the_knobs_reach_the_sampler_through_the_engine_and_its_echo() {
    let (engine, _) = engine(&EngineOptions::default(), dreaming());
    let ask = |sampling: SamplingParams| {
        let request = CompletionRequest::raw("once").max_tokens(30);
        complete(engine.complete(request.sampling(sampling)))
    };
    let seeded = SamplingParams { seed: Some(1), ..SamplingParams::default() };
    let plain = ask(seeded.clone());
    assert_eq!(plain.sampling.samplers, SamplerOrder::default());
    let letter = plain.text.bytes().next().unwrap();
    let bias = LogitBias::new([(u32::from(letter), -100.0)]).unwrap();
    let banned = ask(SamplingParams { logit_bias: Some(bias), ..seeded.clone() });
    assert!(!banned.text.bytes().any(|byte| byte == letter), "{}", banned.text);
    let chain = SamplerOrder::new(&[SamplerKind::Temperature, SamplerKind::TopK]).unwrap();
    let mirostat = ask(SamplingParams {
        samplers: Some(chain),
        mirostat: Some(2),
        dry_multiplier: Some(0.8),
        ..seeded.clone()
    });
    assert_eq!((mirostat.sampling.samplers, mirostat.sampling.mirostat), (chain, 2));

    let outside = LogitBias::new([(1_000_000, 1.0)]).unwrap();
    let words: Arc<[Vec<u32>]> = Arc::new([vec![1, 1_000_000]]);
    for wrong in [
        SamplingParams { logit_bias: Some(outside), ..seeded.clone() },
        SamplingParams { bad_words: Some(words), ..seeded.clone() },
        SamplingParams { xtc_threshold: Some(f32::NAN), ..seeded },
    ] {
        let report = fail(engine.complete(CompletionRequest::raw("once").sampling(wrong)));
        assert_eq!(report.kind, ErrorKind::InvalidRequest, "{report}");
    }
}

fn positive() -> impl Strategy<Value = f32> {
    prop_oneof![Just(0.0f32), Just(1e-40), 0.0f32..2.0, Just(3e38)]
}

fn fraction() -> impl Strategy<Value = f32> {
    prop_oneof![Just(1.0f32), Just(1e-38), 0.0001f32..1.0]
}

proptest! {
    #[test]
    fn no_row_and_no_knob_makes_it_panic(
        row in proptest::collection::vec(any::<f32>(), 0..60),
        history in proptest::collection::vec(0u32..70, 0..40),
        floats in proptest::collection::vec(positive(), 10),
        fractions in proptest::collection::vec(fraction(), 4),
        mirostat in 0u8..3,
        top_k in 0usize..70,
        reversed: bool,
    ) {
        let mut kinds = SamplerKind::ALL;
        if reversed {
            kinds.reverse();
        }
        let params = SamplingParams {
            temperature: Some(floats[0]),
            dynatemp_range: Some(floats[1]),
            dynatemp_exponent: Some(floats[2]),
            top_n_sigma: Some(floats[3]),
            frequency_penalty: Some(floats[4]),
            presence_penalty: Some(-floats[5]),
            dry_multiplier: Some(floats[6]),
            dry_base: Some(floats[7].max(1.0)),
            mirostat_tau: Some(floats[8]),
            mirostat_eta: Some(floats[9]),
            repetition_penalty: Some(fractions[0]),
            typical_p: Some(fractions[1]),
            xtc_threshold: Some(fractions[2]),
            xtc_probability: Some(fractions[3]),
            min_p: Some(fractions[0]),
            dry_allowed_length: Some(top_k % 4),
            mirostat: Some(mirostat),
            top_k: Some(top_k),
            samplers: Some(SamplerOrder::new(&kinds).unwrap()),
            ..SamplingParams::default()
        };
        prop_assert!(params.validate().is_ok());
        let used = params.effective(1);
        let mut state = SamplerState::new(&used);
        let mut sampler = Sampler::new(row.len());
        let bad = row.iter().any(|x| x.is_nan() || *x == f32::INFINITY);
        let possible = row.iter().any(|x| x.is_finite());
        for _ in 0..3 {
            let picked = sampler.sample(&mut row.clone(), &history, &used, &mut state);
            prop_assert_eq!(picked.is_ok(), possible && !bad, "{:?}", picked);
            if let Ok(id) = picked {
                prop_assert!(row[id as usize].is_finite());
            }
        }
    }
}
