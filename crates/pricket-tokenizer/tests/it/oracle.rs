//! Held against Hugging Face's `tokenizers` itself on arbitrary texts and ids.

use pricket_tokenizer::{SkipSpecial, Special, Tokenizer};
use proptest::prelude::*;
use tokenizers::Tokenizer as Oracle;

use crate::fixtures::{committed, shared};

/// Ours and theirs for every tokenizer at hand.
fn pairs() -> Vec<(Tokenizer, Oracle)> {
    let names =
        ["tiny-gemma3", "tiny-mistral", "tiny-phi3", "tiny-qwen2", "tiny-deepseek-v3-groups"];
    let mut folders: Vec<_> = ["tiny-llama", "tiny-llama3-rope"]
        .iter()
        .map(|name| committed("models").join(name))
        .collect();
    folders.extend(names.iter().filter_map(|name| shared(&format!("models/{name}"))));
    folders.extend(shared("tokenizers/smollm2"));
    folders
        .iter()
        .map(|folder| {
            let path = folder.join("tokenizer.json");
            (Tokenizer::from_file(&path).unwrap(), Oracle::from_file(&path).unwrap())
        })
        .collect()
}

#[test]
fn ids_and_texts_equal_the_oracle() {
    let pairs = pairs();
    let words = prop_oneof![
        any::<String>(),
        "[ \u{2581}a-zA-Z0-9'.\\n\u{e9}\u{4e2d}\u{1f600}]{0,12}",
        "<(\\|[a-z_]{0,5}\\||/?s|0x[0-9A-F]{2}|start_of_turn|bos)>",
        "(<\\|eot_id\\|>|<s>|</s>|<\\|im_end\\|>|<tool_call>|  +|<\\|assistant\\|>  )",
    ];
    let texts = prop::collection::vec(words, 0..8).prop_map(|words| words.concat());
    let streams = prop::collection::vec(0u32..512, 0..40);
    let config = ProptestConfig::with_cases(300);
    proptest!(config, |(text in texts, ids in streams)| {
        for (ours, theirs) in &pairs {
            let want = theirs.encode(text.as_str(), false).unwrap().get_ids().to_vec();
            prop_assert_eq!(ours.encode(&text, Special::Parse).unwrap(), want.clone());
            let mut as_text = theirs.clone();
            as_text.set_encode_special_tokens(true);
            let plain = as_text.encode(text.as_str(), false).unwrap().get_ids().to_vec();
            prop_assert_eq!(ours.encode(&text, Special::AsText).unwrap(), plain);
            for ids in [&ids, &want] {
                for (skip, flag) in [(SkipSpecial::Yes, true), (SkipSpecial::No, false)] {
                    let whole = ours.decode(ids, skip).unwrap();
                    prop_assert_eq!(&whole, &theirs.decode(ids, flag).unwrap());
                }
            }
        }
    });
}

#[test]
fn byte_level_vocabularies_give_any_text_back() {
    let tokenizer = crate::fixtures::tiny_llama3();
    proptest!(ProptestConfig::with_cases(500), |(text in any::<String>())| {
        let ids = tokenizer.encode(&text, Special::AsText).unwrap();
        prop_assert_eq!(tokenizer.decode(&ids, SkipSpecial::Yes).unwrap(), text);
    });
}
