//! Kimi-K2 as its makers publish it: in fp8, with experts in int4, and within a model that sees.

use pricket::models::{Backend, KvFormat, OpenOptions, inspect, open};
use pricket_tests::{Pass, Pieces, Reference, fixtures, most_likely, nested, tiny_model};

use crate::tiny::{TOLERANCE, compare};
use crate::variant::Variant;

/// Experts in int4 multiply activations of eight bits, where the reference multiplies floats, and
/// what that moves now and then is the choice of an expert. So many of the most likely tokens are
/// the same all the same.
const SAME_OF_INT4: f32 = 0.9;

#[test]
fn fp8_gives_the_logits_of_its_values() {
    let Some(path) = fixtures("models/tiny-kimi-k2-fp8") else { return };
    let reference = Reference::of(&path).unwrap();
    let candle = Variant::candle(Backend::Candle);
    for variant in [Variant::ours(KvFormat::F32, &[1, 2]), vec![candle]].concat() {
        for case in &reference.cases {
            let mut pass = variant.open(&path, case.input_ids.len());
            for pieces in [Pieces::Whole, Pieces::Of(7), Pieces::Of(1)] {
                let rows = pass.prompt(&case.input_ids, pieces).unwrap();
                let what = format!("{} as {variant:?}, {pieces:?}", case.name);
                let off = compare(case, &rows, TOLERANCE, &what);
                assert!(off <= TOLERANCE, "{what} is off by {off}");
            }
        }
        let greedy = &reference.greedy;
        let mut pass = variant.open(&path, 64);
        let ids = pass.greedy(&greedy.prompt_ids, greedy.new_ids.len(), Pieces::Whole).unwrap();
        assert_eq!(ids, greedy.new_ids, "{variant:?}");
    }
}

#[test]
fn int4_gives_nearly_the_logits_of_its_values() {
    let Some(path) = fixtures("models/tiny-kimi-k2-int4") else { return };
    let mut first: Option<Vec<Vec<f32>>> = None;
    for variant in Variant::ours(KvFormat::F32, &[1, 2]) {
        let case = &Reference::of(&path).unwrap().cases[1];
        let mut pass = variant.open(&path, case.input_ids.len());
        let rows = pass.prompt(&case.input_ids, Pieces::Whole).unwrap();
        let same = rows.iter().zip(&case.top10_ids).filter(|(row, ids)| most_likely(row) == ids[0]);
        let same = same.count() as f32 / rows.len() as f32;
        eprintln!("int4 as {variant:?}: {same} of the most likely tokens");
        assert!(same >= SAME_OF_INT4, "{variant:?}: {same}");
        assert!(*first.get_or_insert_with(|| rows.clone()) == rows, "{variant:?}: other bits");
    }
}

/// Candle multiplies floats where the blocks are turned back into them, as the reference did.
#[test]
fn int4_by_floats_gives_the_logits_of_its_values() {
    let Some(path) = fixtures("models/tiny-kimi-k2-int4") else { return };
    let variant = Variant::candle(Backend::CandleF32);
    for case in &Reference::of(&path).unwrap().cases {
        let mut pass = variant.open(&path, case.input_ids.len());
        for pieces in [Pieces::Whole, Pieces::Of(7)] {
            let rows = pass.prompt(&case.input_ids, pieces).unwrap();
            let what = format!("{} as {variant:?}, {pieces:?}", case.name);
            let off = compare(case, &rows, TOLERANCE, &what);
            assert!(off <= TOLERANCE, "{what} is off by {off}");
        }
    }
}

/// Its config within another, its tensors behind a prefix: the same bits, and what sees pictures is
/// neither missed nor in the way.
#[test]
fn the_text_part_of_a_model_that_sees_runs_as_it_does_alone() {
    let folder = nested("tiny-kimi-k2").unwrap();
    let told = inspect(folder.path()).unwrap();
    assert!(told.architecture_supported && told.architecture == "kimi_k25");
    assert!(told.unused_tensors.is_empty() && told.missing_tensors.is_empty(), "{told:?}");
    let case = &Reference::of(&tiny_model("tiny-kimi-k2")).unwrap().cases[0];
    let [nested, alone] = [folder.path(), &tiny_model("tiny-kimi-k2")].map(|path| {
        let model = open(path, &OpenOptions::default(), &mut |_| ()).unwrap().model;
        Pass::new(model, 64).unwrap().prompt(&case.input_ids, Pieces::Whole).unwrap()
    });
    assert!(nested == alone);
}
