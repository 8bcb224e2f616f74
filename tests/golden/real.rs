//! The real `SmolLM2-135M-Instruct` in `Q4_1`: greedy tokens of transformers, which dequantises and
//! computes in float32.

use pricket_tests::{Pieces, RealReference, fixtures, largest_difference, most_likely, real_model};

use crate::variant::Variant;

const REFERENCE: &str = "real/smollm2-135m-q4_1.json";

/// Our kernels quantise activations to 8 bits, so logits move by a rounding error. It is measured
/// on the prompts, against the reference's own logits. A greedy token may differ only where the
/// reference's best beat its second by less than twice that error, since both may move; each such
/// step is listed on stderr.
fn greedy_tokens_agree(variant: Variant) {
    let (Some(reference), Some(path)) =
        (fixtures(REFERENCE), real_model("SmolLM2-135M-Instruct.Q4_1.gguf"))
    else {
        return;
    };
    let reference = RealReference::read(&reference).unwrap();
    let mut pass = variant.open(&path, 256);
    for case in &reference.cases {
        let prompt = case.input_ids.len();
        let mut ids = case.input_ids.clone();
        ids.extend(&case.greedy_ids);
        let rows = pass.prompt(&ids, Pieces::Whole).unwrap();
        let mut error = largest_difference(
            &rows[prompt - 1][..case.last_logits_first_256.len()],
            &case.last_logits_first_256,
        );
        for (row, (ids, logits)) in rows.iter().zip(case.top10_ids.iter().zip(&case.top10_logits)) {
            let ours: Vec<f32> = ids.iter().map(|&id| row[id as usize]).collect();
            error = error.max(largest_difference(&ours, logits));
        }
        // Spread of these logits is about 20; an error of more than 1 would be a wrong computation
        // and no rounding.
        assert!(error < 1.0, "{:?}: logits are off by {error} as {variant:?}", case.prompt);
        let steps = case.greedy_ids.iter().zip(&case.greedy_margins).enumerate();
        for (step, (&want, &margin)) in steps {
            let got = most_likely(&rows[prompt - 1 + step]);
            if got != want {
                eprintln!(
                    "{:?} step {step}: {got} instead of {want}; the reference's margin is \
                     {margin}, the measured rounding error {error}",
                    case.prompt
                );
                assert!(margin < 2.0 * error, "no rounding error explains step {step}");
            }
        }
        eprintln!("{:?} as {variant:?}: logits off by {error} at most", case.prompt);
    }
}

#[test]
fn smollm2_on_our_kernels_agrees() {
    let best = Variant::all().into_iter().rev().find(|variant| variant.level.is_some());
    greedy_tokens_agree(best.unwrap());
}

#[test]
fn smollm2_on_the_plainest_level_agrees() {
    greedy_tokens_agree(Variant::all()[0]);
}

#[test]
fn smollm2_on_candle_agrees() {
    let candle = Variant::all().into_iter().find(|variant| variant.level.is_none());
    greedy_tokens_agree(candle.unwrap());
}
