//! The other way in: the same checkpoints as GGUF files, where names, keys and conventions are
//! others. They give the logits that transformers gave for the checkpoint.

use pricket_tests::{Pieces, Reference, converted, tiny_model};

use crate::tiny::{TINY, TOLERANCE, compare};
use crate::variant::Variant;

/// What GGUF files of a Llama cannot say: a window (Mistral's), and `llama3` scaling but by
/// divisors that a converter computes.
const NOT_SAID: [&str; 2] = ["tiny-mistral", "tiny-llama3-rope"];

#[test]
fn a_gguf_file_gives_the_logits_of_its_checkpoint() {
    let variants = [Variant::all()[0], Variant::all().pop().unwrap()];
    assert!(variants[1].level.is_none(), "ours and candle's");
    for &name in TINY.iter().filter(|name| !NOT_SAID.contains(name)) {
        let (_scratch, path) = converted(name).unwrap();
        for case in &Reference::of(&tiny_model(name)).unwrap().cases {
            for variant in variants {
                let mut pass = variant.open(&path, case.input_ids.len());
                let rows = pass.prompt(&case.input_ids, Pieces::Whole).unwrap();
                let what = format!("{name} {} from GGUF as {variant:?}", case.name);
                let off = compare(case, &rows, TOLERANCE, &what);
                assert!(off <= TOLERANCE, "{what} is off by {off}");
            }
        }
    }
}
