//! The overlay law: what a layer leaves unset clobbers nothing.

use pricket_core::{CoreError, SamplingParams};
use proptest::prelude::*;

/// All knobs, each set or not, with values in range.
fn params() -> impl Strategy<Value = SamplingParams> {
    let floats = (
        proptest::option::of(0.0f32..3.0),
        proptest::option::of(0.01f32..1.0),
        proptest::option::of(0.0f32..1.0),
        proptest::option::of(0.1f32..2.0),
        proptest::option::of(-2.0f32..2.0),
        proptest::option::of(-2.0f32..2.0),
    );
    let integers = (
        proptest::option::of(0usize..100),
        proptest::option::of(0usize..100),
        proptest::option::of(any::<u64>()),
    );
    (floats, integers).prop_map(|(floats, integers)| SamplingParams {
        temperature: floats.0,
        top_p: floats.1,
        min_p: floats.2,
        repetition_penalty: floats.3,
        frequency_penalty: floats.4,
        presence_penalty: floats.5,
        top_k: integers.0,
        penalty_last_n: integers.1,
        seed: integers.2,
    })
}

proptest! {
    #[test]
    fn overlaying_is_associative_and_has_a_neutral(a in params(), b in params(), c in params()) {
        prop_assert_eq!(a.overlaid(&b).overlaid(&c), a.overlaid(&b.overlaid(&c)));
        prop_assert_eq!(a.overlaid(&SamplingParams::default()), a.clone());
        prop_assert_eq!(SamplingParams::default().overlaid(&a), a.clone());
    }

    #[test]
    fn every_knob_of_the_upper_layer_wins_where_it_is_set(a in params(), b in params()) {
        let both = a.overlaid(&b);
        prop_assert_eq!(both.temperature, b.temperature.or(a.temperature));
        prop_assert_eq!(both.top_k, b.top_k.or(a.top_k));
        prop_assert_eq!(both.top_p, b.top_p.or(a.top_p));
        prop_assert_eq!(both.min_p, b.min_p.or(a.min_p));
        prop_assert_eq!(both.repetition_penalty, b.repetition_penalty.or(a.repetition_penalty));
        prop_assert_eq!(both.frequency_penalty, b.frequency_penalty.or(a.frequency_penalty));
        prop_assert_eq!(both.presence_penalty, b.presence_penalty.or(a.presence_penalty));
        prop_assert_eq!(both.penalty_last_n, b.penalty_last_n.or(a.penalty_last_n));
        prop_assert_eq!(both.seed, b.seed.or(a.seed));
        prop_assert!(both.validate().is_ok());
    }

    #[test]
    fn json_keeps_every_knob(a in params()) {
        let text = serde_json::to_string(&a).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<SamplingParams>(&text).expect("read"), a);
    }
}

#[test]
fn values_without_meaning_are_refused_by_name() {
    type Set = fn(&mut SamplingParams, f32);
    let knobs: [(&str, Set, &[f32]); 6] = [
        ("temperature", |p, v| p.temperature = Some(v), &[-0.1]),
        ("top_p", |p, v| p.top_p = Some(v), &[0.0, -1.0, 1.01]),
        ("min_p", |p, v| p.min_p = Some(v), &[-0.1, 1.1]),
        ("repetition_penalty", |p, v| p.repetition_penalty = Some(v), &[0.0, -1.0]),
        ("frequency_penalty", |p, v| p.frequency_penalty = Some(v), &[]),
        ("presence_penalty", |p, v| p.presence_penalty = Some(v), &[]),
    ];
    for (name, set, bad) in knobs {
        for &value in bad.iter().chain(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]) {
            let mut params = SamplingParams::default();
            set(&mut params, value);
            let error = params.validate().expect_err(name);
            let CoreError::SamplingOutOfRange { name: named, .. } = &error else {
                panic!("{error}");
            };
            assert_eq!(*named, name);
        }
    }
}

#[test]
fn unset_knobs_change_nothing() {
    let effective = SamplingParams::default().effective(9);
    assert_eq!(effective.seed, 9);
    assert!((effective.temperature - 1.0).abs() < f32::EPSILON);
    assert_eq!((effective.top_k, effective.penalty_last_n), (0, 64));
    let seeded = SamplingParams { seed: Some(1), ..SamplingParams::greedy() }.effective(9);
    assert_eq!(seeded.seed, 1);
    assert!(seeded.temperature.abs() < f32::EPSILON);
}

#[test]
fn an_unknown_knob_is_refused() {
    let error = serde_json::from_str::<SamplingParams>(r#"{"temprature": 1}"#).expect_err("typo");
    assert!(error.to_string().contains("temprature"), "{error}");
}
