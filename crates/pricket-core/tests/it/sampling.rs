//! The overlay law: what a layer leaves unset clobbers nothing.

use std::sync::Arc;

use pricket_core::{
    CoreError, EffectiveSampling, ErrorKind, LogitBias, SamplerKind, SamplerOrder, SamplingParams,
};
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
    let shapes = (
        proptest::option::of(0.0f32..2.0),
        proptest::option::of(0.0f32..2.0),
        proptest::option::of(0.01f32..1.0),
        proptest::option::of(0.0f32..3.0),
        proptest::option::of(0.0f32..1.0),
        proptest::option::of(0.0f32..1.0),
        proptest::option::of(0u8..3),
        proptest::option::of(0.0f32..9.0),
        proptest::option::of(0.0f32..1.0),
    );
    let dry = (
        proptest::option::of(0.0f32..2.0),
        proptest::option::of(1.0f32..3.0),
        proptest::option::of(0usize..9),
        proptest::option::of(0usize..99),
        proptest::option::of(proptest::collection::vec("[a-z\n]{1,3}", 0..4)),
    );
    let biases = proptest::collection::vec((0u32..9, -200.0f32..50.0), 0..6);
    let words = proptest::collection::vec(proptest::collection::vec(0u32..9, 1..4), 0..4);
    let lists = (
        proptest::option::of(biases.prop_map(|biases| LogitBias::new(biases).unwrap())),
        proptest::option::of(words),
        proptest::option::of(0usize..50),
        proptest::option::of(proptest::sample::subsequence(SamplerKind::ALL.to_vec(), 0..9)),
    );
    (floats, integers, shapes, dry, lists).prop_map(|(floats, integers, shapes, dry, lists)| {
        SamplingParams {
            temperature: floats.0,
            top_p: floats.1,
            min_p: floats.2,
            repetition_penalty: floats.3,
            frequency_penalty: floats.4,
            presence_penalty: floats.5,
            top_k: integers.0,
            penalty_last_n: integers.1,
            seed: integers.2,
            dynatemp_range: shapes.0,
            dynatemp_exponent: shapes.1,
            typical_p: shapes.2,
            top_n_sigma: shapes.3,
            xtc_probability: shapes.4,
            xtc_threshold: shapes.5,
            mirostat: shapes.6,
            mirostat_tau: shapes.7,
            mirostat_eta: shapes.8,
            dry_multiplier: dry.0,
            dry_base: dry.1,
            dry_allowed_length: dry.2,
            dry_penalty_last_n: dry.3,
            dry_sequence_breakers: dry.4.map(Arc::from),
            logit_bias: lists.0,
            bad_words: lists.1.map(Arc::from),
            min_tokens: lists.2,
            samplers: lists.3.map(|kinds| SamplerOrder::new(&kinds).unwrap()),
        }
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
        let [json, under, over] =
            [&both, &a, &b].map(|params| serde_json::to_value(params).expect("JSON"));
        let used = serde_json::to_value(both.effective(1)).expect("JSON");
        for name in used.as_object().expect("an object").keys() {
            let wanted = over.get(name).or(under.get(name));
            prop_assert_eq!(json.get(name), wanted, "{}", name);
            if let Some(wanted) = wanted {
                prop_assert_eq!(&used[name], wanted, "{}", name);
            }
        }
        prop_assert!(both.validate().is_ok());
    }

    #[test]
    fn json_keeps_every_knob(a in params()) {
        let text = serde_json::to_string(&a).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<SamplingParams>(&text).expect("read"), a.clone());
        let used = a.effective(3);
        let text = serde_json::to_string(&used).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<EffectiveSampling>(&text).expect("read"), used);
    }
}

#[test]
fn values_without_meaning_are_refused_by_name() {
    type Set = fn(&mut SamplingParams, f32);
    let knobs: [(&str, Set, &[f32]); 16] = [
        ("temperature", |p, v| p.temperature = Some(v), &[-0.1]),
        ("top_p", |p, v| p.top_p = Some(v), &[0.0, -1.0, 1.01]),
        ("min_p", |p, v| p.min_p = Some(v), &[-0.1, 1.1]),
        ("repetition_penalty", |p, v| p.repetition_penalty = Some(v), &[0.0, -1.0]),
        ("frequency_penalty", |p, v| p.frequency_penalty = Some(v), &[]),
        ("presence_penalty", |p, v| p.presence_penalty = Some(v), &[]),
        ("dynatemp_range", |p, v| p.dynatemp_range = Some(v), &[-0.1]),
        ("dynatemp_exponent", |p, v| p.dynatemp_exponent = Some(v), &[-0.1]),
        ("typical_p", |p, v| p.typical_p = Some(v), &[0.0, -1.0, 1.01]),
        ("top_n_sigma", |p, v| p.top_n_sigma = Some(v), &[-1.0]),
        ("xtc_probability", |p, v| p.xtc_probability = Some(v), &[-0.1, 1.1]),
        ("xtc_threshold", |p, v| p.xtc_threshold = Some(v), &[-0.1, 1.1]),
        ("dry_multiplier", |p, v| p.dry_multiplier = Some(v), &[-0.1]),
        ("dry_base", |p, v| p.dry_base = Some(v), &[0.99]),
        ("mirostat_tau", |p, v| p.mirostat_tau = Some(v), &[-1.0]),
        ("mirostat_eta", |p, v| p.mirostat_eta = Some(v), &[-1.0]),
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

#[test]
fn lists_without_meaning_are_refused_by_name() {
    let none = SamplingParams::default;
    let words = |words: Vec<Vec<u32>>| SamplingParams { bad_words: Some(words.into()), ..none() };
    let breakers =
        |texts: Vec<String>| SamplingParams { dry_sequence_breakers: Some(texts.into()), ..none() };
    for (params, text) in [
        (words(vec![vec![1], vec![]]), "an entry of bad_words has a length of 0"),
        (words(vec![vec![1; 1_000]]), "an entry of bad_words has a length of 1000"),
        (words(vec![vec![1]; 9_999]), "bad_words has 9999 entries"),
        (breakers(vec![String::new()]), "an entry of dry_sequence_breakers has a length of 0"),
        (breakers(vec!["x".into(); 100]), "dry_sequence_breakers has 100 entries"),
        (SamplingParams { mirostat: Some(3), ..none() }, "mirostat must be 0, 1 or 2, but is 3"),
    ] {
        let error = params.validate().expect_err(text);
        assert!(error.to_string().starts_with(text), "{error}");
        assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidRequest, "sampling_invalid"));
    }
    for wrong in [f32::NAN, f32::INFINITY] {
        let error = LogitBias::new([(1, wrong)]).expect_err("no number");
        assert!(error.to_string().starts_with("logit_bias must be"), "{error}");
    }
}

#[test]
fn biases_are_an_object_of_ids_and_the_strongest_ban() {
    let bias = LogitBias::new([(7, f32::NEG_INFINITY), (2, 1.0), (2, -1.5), (9, -250.0)]).unwrap();
    assert_eq!(bias.as_slice(), [(2, -1.5), (7, LogitBias::BAN), (9, LogitBias::BAN)]);
    let text = serde_json::to_string(&bias).expect("JSON");
    assert_eq!(text, r#"{"2":-1.5,"7":-100.0,"9":-100.0}"#);
    for wrong in [r#"{"x": 1}"#, r#"{"-1": 1}"#, r#"{"1": "a"}"#, r#"{"1": 1e39}"#, "[1]"] {
        assert!(serde_json::from_str::<LogitBias>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_chain_is_a_list_of_names_each_once() {
    let order = SamplerOrder::default();
    let text = "penalties;dry;top_n_sigma;top_k;typical_p;top_p;min_p;xtc;temperature";
    assert_eq!(order.to_string(), text);
    assert_eq!(text.parse::<SamplerOrder>(), Ok(order));
    let short = SamplerOrder::new(&[SamplerKind::TypicalP, SamplerKind::Temperature]).unwrap();
    assert_eq!(" typ_p; temperature".parse::<SamplerOrder>(), Ok(short));
    assert_eq!("".parse::<SamplerOrder>(), SamplerOrder::new(&[]));
    let json = serde_json::to_string(&short).expect("JSON");
    assert_eq!(json, r#"["typical_p","temperature"]"#);
    let read = |text: &str| serde_json::from_str::<SamplerOrder>(text);
    assert_eq!(read(r#"["typ_p", "temperature"]"#).expect("read"), short);
    assert!(read(r#"["top_k", "top_k"]"#).expect_err("twice").to_string().contains("`top_k`"));
    assert!(read(r#"["top_q"]"#).is_err());
    let error = "top_k;top_q".parse::<SamplerOrder>().expect_err("unknown");
    assert!(matches!(&error, CoreError::SamplerUnknown { text } if text == "top_q"), "{error}");
    let error = "top_k;xtc;top_k".parse::<SamplerOrder>().expect_err("twice");
    assert_eq!(error, CoreError::SamplerRepeated { name: "top_k" });
}
