//! Kimi-K2 as its makers publish it: in fp8, with experts in int4, and within a model that sees.

use pricket::models::{KvFormat, OpenOptions, inspect, open};
use pricket_tests::{Pass, Pieces, Reference, fixtures, nested, tiny_model};

use crate::tiny::{TOLERANCE, compare};
use crate::variant::Variant;

/// Experts in int4 multiply activations of eight bits, where the reference multiplies floats: its
/// logits, which reach 9, were moved by 0.2 at most when the bound was set.
const TOLERANCE_OF_INT4: f32 = 0.3;

#[test]
fn published_forms_give_the_logits_of_their_values() {
    for (name, tolerance) in
        [("tiny-kimi-k2-fp8", TOLERANCE), ("tiny-kimi-k2-int4", TOLERANCE_OF_INT4)]
    {
        let Some(path) = fixtures(&format!("models/{name}")) else { continue };
        let reference = Reference::of(&path).unwrap();
        for variant in Variant::ours(KvFormat::F32, &[1, 2]) {
            let mut worst = 0.0_f32;
            for case in &reference.cases {
                let mut pass = variant.open(&path, case.input_ids.len());
                for pieces in [Pieces::Whole, Pieces::Of(7), Pieces::Of(1)] {
                    let rows = pass.prompt(&case.input_ids, pieces).unwrap();
                    let what = format!("{name} {} as {variant:?}, {pieces:?}", case.name);
                    let off = compare(case, &rows, tolerance, &what);
                    assert!(off <= tolerance, "{what} is off by {off}");
                    worst = worst.max(off);
                }
            }
            let greedy = &reference.greedy;
            let mut pass = variant.open(&path, 64);
            let ids = pass.greedy(&greedy.prompt_ids, greedy.new_ids.len(), Pieces::Whole).unwrap();
            assert_eq!(ids, greedy.new_ids, "{name} as {variant:?}");
            eprintln!("{name} as {variant:?}: off by {worst:e} at most");
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
