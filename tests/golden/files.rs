//! The other way in: the same checkpoints as GGUF files, where names, keys and conventions are
//! others. They give the logits that transformers gave for the checkpoint.

use pricket_tests::{LatentForm, Pieces, Reference, converted_as, tiny_model};

use crate::tiny::{TINY, TOLERANCE, compare};
use crate::variant::Variant;

/// What GGUF files of a Llama cannot say: a window (Mistral's), and `llama3` scaling but by
/// divisors that a converter computes; nor what those of `deepseek2` cannot: that cosines and sines
/// are multiplied with anything but 1.
const NOT_SAID: [&str; 3] = ["tiny-mistral", "tiny-llama3-rope", "tiny-deepseek-v3-groups"];

#[test]
fn a_gguf_file_gives_the_logits_of_its_checkpoint() {
    for &name in TINY.iter().filter(|name| !NOT_SAID.contains(name)) {
        agrees(name, LatentForm::Whole);
    }
}

/// Newer files hold apart what makes keys and what makes values of a latent, and name other widths.
#[test]
fn a_gguf_file_with_keys_and_values_apart_gives_the_same() {
    for name in ["tiny-deepseek-v2", "tiny-moonlight", "tiny-kimi-k2"] {
        agrees(name, LatentForm::Apart);
    }
}

fn agrees(name: &str, form: LatentForm) {
    let (_scratch, path) = converted_as(name, form).unwrap();
    for case in &Reference::of(&tiny_model(name)).unwrap().cases {
        for variant in Variant::two() {
            let mut pass = variant.open(&path, case.input_ids.len());
            let rows = pass.prompt(&case.input_ids, Pieces::Whole).unwrap();
            let what = format!("{name} {} from GGUF, {form:?}, as {variant:?}", case.name);
            let off = compare(case, &rows, TOLERANCE, &what);
            assert!(off <= TOLERANCE, "{what} is off by {off}");
        }
    }
}
