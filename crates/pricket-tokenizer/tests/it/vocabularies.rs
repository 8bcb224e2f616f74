//! Every id and every text as Hugging Face's `tokenizers` 0.23.3 has them.

use std::path::Path;

use pricket_tokenizer::{SkipSpecial, Special, Tokenizer};

use crate::fixtures::{committed, ids, json, shared, tiny_llama, tiny_llama3};

/// Holds a model folder's tokenizer against its `tokenizer_cases.json`.
fn check_folder(folder: &Path) {
    let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    let cases = json(&folder.join("tokenizer_cases.json"));
    let cases = cases["cases"].as_array().unwrap();
    assert!(cases.len() > 50);
    // All of these go the direct way, which knows its words.
    assert!(tokenizer.words("a b").unwrap().is_some(), "{}", folder.display());
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let label = format!("{}: {text:?}", folder.display());
        let want = ids(&case["ids"]);
        assert_eq!(tokenizer.encode(text, Special::Parse).unwrap(), want, "{label}");
        assert_eq!(tokenizer.count(text, Special::Parse).unwrap(), want.len(), "{label}");
        assert_eq!(
            tokenizer.encode_prompt(text, Special::Parse).unwrap(),
            ids(&case["ids_with_special"]),
            "{label}"
        );
        for (&id, token) in want.iter().zip(case["tokens"].as_array().unwrap()) {
            let token = token.as_str().unwrap();
            // The reference shows an added token with the spaces that it swallowed.
            let token = if tokenizer.is_special(id) { token.trim() } else { token };
            assert_eq!(tokenizer.token_text(id), Some(token), "{label}");
        }
        let decoded = tokenizer.decode(&want, SkipSpecial::No).unwrap();
        assert_eq!(decoded, case["decoded"].as_str().unwrap(), "{label}");
        let decoded = tokenizer.decode(&want, SkipSpecial::Yes).unwrap();
        assert_eq!(decoded, case["decoded_skip_special"].as_str().unwrap(), "{label}");
    }
}

#[test]
fn committed_folders_are_exact() {
    for name in ["tiny-llama", "tiny-llama-tied", "tiny-llama3-rope"] {
        check_folder(&committed("models").join(name));
    }
}

#[test]
fn shared_folders_are_exact() {
    for name in [
        "tiny-deepseek-v3-groups",
        "tiny-gemma3",
        "tiny-mistral",
        "tiny-phi3",
        "tiny-qwen2",
        "tiny-qwen3",
        "tiny-qwen3-moe",
    ] {
        let name = format!("models/{name}");
        let committed =
            Some(committed(&name)).filter(|folder| folder.join("tokenizer_cases.json").exists());
        if let Some(folder) = committed.or_else(|| shared(&name)) {
            check_folder(&folder);
        }
    }
}

#[test]
fn smollm2_is_exact() {
    let Some(folder) = shared("tokenizers/smollm2") else { return };
    let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    check_cases(&tokenizer, &folder);
}

/// Holds a tokenizer against the SmolLM2 cases.
pub(crate) fn check_cases(tokenizer: &Tokenizer, folder: &Path) {
    let cases = json(&folder.join("cases.json"));
    let cases = cases["cases"].as_array().unwrap();
    assert!(cases.len() > 40);
    assert!(tokenizer.words("a b").unwrap().is_some(), "its vocabulary lacks some bytes");
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let want = ids(&case["ids"]);
        assert_eq!(tokenizer.encode(text, Special::Parse).unwrap(), want, "{text:?}");
        let decoded = tokenizer.decode(&want, SkipSpecial::No).unwrap();
        assert_eq!(decoded, case["decoded"].as_str().unwrap(), "{text:?}");
    }
}

#[test]
fn roles_and_look_ups() {
    let tokenizer = tiny_llama();
    assert_eq!((tokenizer.bos_id(), tokenizer.eos_id()), (Some(1), Some(2)));
    assert_eq!(tokenizer.id_of("<s>"), Some(1));
    assert_eq!(tokenizer.token_text(1), Some("<s>"));
    assert!(tokenizer.is_special(1) && !tokenizer.is_special(300));
    assert_eq!(tokenizer.vocab_size(), 512);
    assert_eq!(tokenizer.token_bytes(16), Some(b"\r".as_slice()), "a byte token is its byte");
    assert_eq!(tokenizer.token_bytes(512), None);
    assert_eq!(tokenizer.special_tokens().bos.as_deref(), Some("<s>"));
    assert!(tokenizer.special_tokens().guarded.contains(&"</s>".to_owned()));
    let clone = tokenizer.clone();
    assert_eq!(clone.count("Hello world", Special::AsText).unwrap(), 7);
}

#[test]
fn special_tokens_of_outside_text_stay_text() {
    let tokenizer = tiny_llama3();
    let text = "a<|eot_id|>b<|begin_of_text|>";
    let parsed = tokenizer.encode(text, Special::Parse).unwrap();
    assert!(parsed.iter().any(|&id| tokenizer.is_special(id)));
    let plain = tokenizer.encode(text, Special::AsText).unwrap();
    assert!(!plain.iter().any(|&id| tokenizer.is_special(id)));
    assert_eq!(tokenizer.decode(&plain, SkipSpecial::Yes).unwrap(), text);
}

#[test]
fn a_batch_is_its_texts_one_by_one() {
    let tokenizer = tiny_llama3();
    let long = "A line of text, 1234 words.\n".repeat(4_000);
    let texts = [long.as_str(), "", "short", &long[..70_000], "<|eot_id|>"];
    let batch = tokenizer.encode_batch(&texts, Special::Parse).unwrap();
    for (text, ids) in texts.iter().zip(&batch) {
        assert_eq!(&tokenizer.encode(text, Special::Parse).unwrap(), ids);
    }
}
