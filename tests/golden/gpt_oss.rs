//! gpt-oss as its makers publish it, with experts in MXFP4. What holds for its floats is in `tiny`.

use std::path::Path;

use pricket::models::{Backend, KvFormat, inspect};
use pricket_tests::{Pieces, Reference, in_mxfp4, largest_difference, most_likely, tiny_model};

use crate::tiny::TOLERANCE;
use crate::variant::Variant;

/// Blocks multiply activations of eight bits, where floats multiply floats, and what that moves now
/// and then is the choice of an expert. So many of the most likely tokens are the same all the
/// same.
const SAME_OF_BLOCKS: f32 = 0.9;

fn prompt(variant: Variant, path: &Path, ids: &[u32], pieces: Pieces) -> Vec<Vec<f32>> {
    variant.open(path, ids.len()).prompt(ids, pieces).unwrap()
}

/// Candle takes the blocks as the numbers that they stand for; the numbers themselves, as a
/// checkpoint of floats, give the same by candle and by our own kernels.
#[test]
fn mxfp4_stands_for_the_numbers_of_its_floats() {
    let [blocks, floats] = in_mxfp4("tiny-gpt-oss").unwrap();
    let ours = Variant::all()[0];
    let candle = Variant { backend: Backend::CandleF32, level: None, ..ours };
    let reference = Reference::of(&tiny_model("tiny-gpt-oss")).unwrap();
    for case in &reference.cases {
        let ids = &case.input_ids;
        let found = prompt(candle, blocks.path(), ids, Pieces::Whole);
        for variant in [candle, ours] {
            let expected = prompt(variant, floats.path(), ids, Pieces::Whole);
            for (found, expected) in found.iter().zip(&expected) {
                let off = largest_difference(found, expected);
                assert!(off <= TOLERANCE, "{} as {variant:?}: off by {off}", case.name);
            }
        }
        // They are not the numbers that they were rounded from.
        let off = largest_difference(found.last().unwrap(), &case.last_logits);
        assert!(off > 100.0 * TOLERANCE, "{}: {off}", case.name);
    }
}

#[test]
fn mxfp4_gives_nearly_the_logits_of_its_numbers_and_the_same_bits_everywhere() {
    let [blocks, floats] = in_mxfp4("tiny-gpt-oss").unwrap();
    let ids = &Reference::of(&tiny_model("tiny-gpt-oss")).unwrap().cases[1].input_ids;
    let expected = prompt(Variant::all()[0], floats.path(), ids, Pieces::Whole);
    let mut first: Option<Vec<Vec<f32>>> = None;
    for variant in Variant::ours(KvFormat::F32, &[1, 2]) {
        for pieces in [Pieces::Whole, Pieces::Of(7), Pieces::Of(1)] {
            let rows = prompt(variant, blocks.path(), ids, pieces);
            let first = first.get_or_insert_with(|| rows.clone());
            assert!(*first == rows, "{variant:?}, {pieces:?}: other bits");
        }
    }
    let found = first.unwrap();
    let pairs = found.iter().zip(&expected);
    let same = pairs.filter(|(found, expected)| most_likely(found) == most_likely(expected));
    let same = same.count() as f32 / expected.len() as f32;
    eprintln!("mxfp4: {same} of the most likely tokens");
    assert!(same >= SAME_OF_BLOCKS, "{same}");
}

/// The experts take in memory what their blocks do, and nothing is left over or missing.
#[test]
fn mxfp4_is_told_and_stays_small() {
    let [blocks, floats] = in_mxfp4("tiny-gpt-oss").unwrap();
    let [blocks, floats] = [blocks, floats].map(|scratch| inspect(scratch.path()).unwrap());
    for told in [&blocks, &floats] {
        assert!(told.architecture_supported && told.architecture == "gpt_oss");
        assert!(told.unused_tensors.is_empty() && told.missing_tensors.is_empty(), "{told:?}");
    }
    assert_eq!(blocks.parameters, floats.parameters);
    let micro = blocks.tensor_types.iter().find(|kind| kind.name == "MXFP4").unwrap();
    // Of each of four layers, six experts: 64 rows of 64 and 64 of 32, 17 bytes for each 32.
    assert_eq!((micro.tensors, micro.parameters), (8, 4 * 6 * (64 * 64 + 64 * 32)));
    assert_eq!(micro.bytes, micro.parameters / 32 * 17);
    // Packed, 4.5 bits for each number, where rows of 32 are filled up to 64; biases of 32 bits.
    let packed = 2 * 64 * 64 / 16 * 9 + 4 * (2 * 32 + 64);
    assert_eq!(blocks.expert_bytes, Some(4 * 6 * packed));
    assert_eq!(blocks.expert_room_bytes, Some(packed));
}
