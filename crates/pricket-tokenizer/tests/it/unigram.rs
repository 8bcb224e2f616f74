//! Unigram vocabularies, such as XLM-RoBERTa's, and SentencePiece's normalisation in front of them.

use pricket_tokenizer::{SkipSpecial, Special, Tokenizer, TokenizerError};
use serde_json::{Value, json};

use crate::fixtures::{committed, ids, json};

fn file() -> Value {
    json(&committed("tokenizers/tiny-unigram/tokenizer.json"))
}

fn load(file: &Value) -> Result<Tokenizer, TokenizerError> {
    Tokenizer::from_tokenizer_json(&serde_json::to_vec(file).unwrap(), None)
}

#[test]
fn ids_and_texts_are_those_of_the_reference() {
    let folder = committed("tokenizers/tiny-unigram");
    let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    let cases = json(&folder.join("tokenizer_cases.json"));
    let cases = cases["cases"].as_array().unwrap();
    assert!(cases.len() > 15);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let want = ids(&case["ids"]);
        assert_eq!(tokenizer.encode(text, Special::Parse).unwrap(), want, "{text:?}");
        let around = [&[0], &want[..], &[2]].concat();
        assert_eq!(tokenizer.encode_prompt(text, Special::Parse).unwrap(), around, "{text:?}");
        let decoded = tokenizer.decode(&want, SkipSpecial::No).unwrap();
        assert_eq!(decoded, case["decoded"].as_str().unwrap(), "{text:?}");
    }
    let plain = tokenizer.encode("<s> text </s>", Special::AsText).unwrap();
    assert!(!plain.iter().any(|&id| id != 3 && tokenizer.is_special(id)), "{plain:?}");
}

#[test]
fn broken_models_are_refused() {
    for (what, change) in [
        ("vocab", json!({"a": 0})),
        ("vocab", json!([])),
        ("vocab", json!([["a"]])),
        ("vocab", json!([["a", "b"]])),
        ("vocab", json!([["a".repeat(2_000), 0.0]])),
        ("unk_id", json!(1_000_000)),
        ("unk_id", json!("3")),
    ] {
        let mut file = file();
        file["model"][what] = change;
        file["added_tokens"] = json!([]);
        let error = load(&file).unwrap_err();
        assert!(error.to_string().len() < 400, "{what}: {error}");
    }
}

/// Words whose replacements lie all over the map.
const WORDS: &str = "Full \u{ff26}\u{ff55} \u{fb01} \u{2460} \u{33a1} \u{fdfa} e\u{301} \u{1112}\
                     \u{1161}\u{11ab} \u{e33}\u{e4d} \u{200b}\u{feff} \t\n \u{1f980}";

#[test]
fn a_broken_normalisation_is_refused_or_harmless() {
    let good = file();
    let place = |file: &Value| file["normalizer"]["normalizers"][0]["precompiled_charsmap"].clone();
    let map = place(&good).as_str().unwrap().to_owned();
    let with = |map: String| {
        let mut file = good.clone();
        file["normalizer"]["normalizers"][0]["precompiled_charsmap"] = json!(map);
        load(&file)
    };
    for cut in [0, 1, 4, 8, 400, map.len() / 4 * 2, map.len() / 4 * 3 / 4 * 4] {
        assert!(with(map[..cut].to_owned()).is_err(), "cut at {cut}");
    }
    // An empty table, one that is no whole number of units, and one without end.
    for head in ["AAAAAAAA", "AwAAAAAA", "/////wAA", "BAAAAP////8="] {
        assert!(with(head.to_owned()).is_err(), "{head}");
    }
    let (mut state, mut refused) = (7_u64, 0);
    for round in 0..60 {
        let mut bytes = map.clone().into_bytes();
        for _ in 0..=round % 4 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Half of the changes fall into the root's own block.
            let span = if state & 1 == 0 { 1_400 } else { bytes.len() - 4 };
            let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            bytes[(state >> 8) as usize % span] = digits[(state >> 40) as usize % 64];
        }
        match with(String::from_utf8(bytes).unwrap()) {
            Ok(tokenizer) => drop(tokenizer.encode(WORDS, Special::AsText)),
            Err(error) => {
                refused += 1;
                assert!(error.to_string().len() < 400, "{error}");
            }
        }
    }
    assert!(refused > 0);
}
