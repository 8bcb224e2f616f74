//! `tiktoken.model`: every id and every split as Python's tiktoken has them.

use pricket_tokenizer::{SkipSpecial, Special, Tokenizer, TokenizerError};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::{committed, ids, json as read_json};

fn folder() -> std::path::PathBuf {
    committed("tokenizers/kimi-tiktoken")
}

fn kimi() -> Tokenizer {
    Tokenizer::from_file(folder().join("tiktoken.model")).unwrap()
}

#[test]
fn every_case_is_exact() {
    let tokenizer = kimi();
    let file = read_json(&folder().join("cases.json"));
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 41);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let want = ids(&case["ids"]);
        assert_eq!(tokenizer.encode(text, Special::Parse).unwrap(), want, "{text:?}");
        assert_eq!(tokenizer.count(text, Special::Parse).unwrap(), want.len(), "{text:?}");
        assert_eq!(json!(tokenizer.words(text).unwrap()), case["pretokens"], "{text:?}");
        assert_eq!(tokenizer.decode(&want, SkipSpecial::No).unwrap(), text);
    }
    let cases = file["special_cases"].as_array().unwrap();
    assert_eq!(cases.len(), 10);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let parsed = tokenizer.encode(text, Special::Parse).unwrap();
        assert_eq!(parsed, ids(&case["ids_special_recognised"]), "{text:?}");
        let plain = tokenizer.encode(text, Special::AsText).unwrap();
        assert_eq!(plain, ids(&case["ids_plain_text"]), "{text:?}");
        for ids in [parsed, plain] {
            assert_eq!(tokenizer.decode(&ids, SkipSpecial::No).unwrap(), text);
        }
    }
}

#[test]
fn the_256_tokens_behind_the_ranks_have_their_names() {
    let tokenizer = kimi();
    let file = read_json(&folder().join("cases.json"));
    assert_eq!(tokenizer.vocab_size() as u64, file["n_vocab"].as_u64().unwrap());
    let special = file["special_tokens"].as_object().unwrap();
    assert_eq!(special.len(), 256);
    for (text, id) in special {
        let id = id.as_u64().unwrap() as u32;
        assert_eq!(tokenizer.id_of(text), Some(id), "{text}");
        assert_eq!(tokenizer.token_text(id), Some(text.as_str()));
        assert_eq!(tokenizer.encode(text, Special::Parse).unwrap(), [id]);
        assert!(tokenizer.special_tokens().guarded.contains(text), "{text}");
        // The marks of tool calls are for those who read the answer.
        assert_eq!(tokenizer.is_special(id), !text.contains("tool_call"), "{text}");
    }
    assert_eq!((tokenizer.bos_id(), tokenizer.eos_id()), (Some(1280), Some(1281)));
    let roles = tokenizer.special_tokens();
    assert_eq!((roles.unk.as_deref(), roles.pad.as_deref()), (Some("[UNK]"), Some("[PAD]")));
    assert!(tokenizer.encode_prompt("", Special::Parse).unwrap().is_empty(), "none in front");
    // Without a config all of them are there, nameless.
    let ranks = std::fs::read(folder().join("tiktoken.model")).unwrap();
    let bare = Tokenizer::from_tiktoken(&ranks, None).unwrap();
    assert_eq!(bare.id_of("<|reserved_token_1282|>"), Some(1282));
    assert_eq!((bare.id_of("<|im_end|>"), bare.eos_id()), (None, None));
}

#[test]
fn any_text_comes_back() {
    let tokenizer = kimi();
    let words = prop_oneof![any::<String>(), "[ \\n\\ta-zA-Z'\u{4e2d}\u{6587}0-9\u{e9}]{0,80}"];
    let texts = prop::collection::vec(words, 0..6).prop_map(|words| words.concat());
    proptest!(ProptestConfig::with_cases(300), |(text in texts)| {
        let ids = tokenizer.encode(&text, Special::AsText).unwrap();
        prop_assert_eq!(tokenizer.decode(&ids, SkipSpecial::Yes).unwrap(), text.clone());
        prop_assert_eq!(tokenizer.count(&text, Special::AsText).unwrap(), ids.len());
        prop_assert_eq!(tokenizer.words(&text).unwrap().unwrap().concat(), text);
    });
}

/// Base64 with padding, for files made here.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

/// A file of all bytes and these tokens behind them.
fn ranks(tokens: &[&[u8]]) -> String {
    let bytes: Vec<[u8; 1]> = (0..=255).map(|byte| [byte]).collect();
    let all = bytes.iter().map(<[u8; 1]>::as_slice).chain(tokens.iter().copied());
    let lines: Vec<String> =
        all.enumerate().map(|(rank, token)| format!("{} {rank}\n", base64(token))).collect();
    lines.concat()
}

/// tiktoken's rule by its definition: of all neighbours whose bytes together are a token, those
/// with the lowest rank are joined, the leftmost first.
fn by_definition(tokens: &[&[u8]], word: &[u8]) -> Vec<u32> {
    let rank = |bytes: &[u8]| match bytes {
        [byte] => Some(u32::from(*byte)),
        _ => tokens.iter().position(|token| *token == bytes).map(|at| at as u32 + 256),
    };
    if let Some(rank) = rank(word) {
        return vec![rank];
    }
    let mut parts: Vec<Vec<u8>> = word.iter().map(|&byte| vec![byte]).collect();
    loop {
        let pairs = parts.windows(2).enumerate();
        let best = pairs.filter_map(|(at, pair)| Some((rank(&pair.concat())?, at))).min();
        let Some((_, at)) = best else { break };
        let right = parts.remove(at + 1);
        parts[at].extend(right);
    }
    parts.iter().map(|part| rank(part).unwrap()).collect()
}

#[test]
fn merging_is_what_its_definition_says() {
    let tokens: [&[u8]; 14] = [
        b"bc", b"ab", b"abc", b"aa", b"aaaa", b"ca", b"bca", b"aab", b"cc", b"ccc", b"abab", b"ba",
        b"aaa", b"cabc",
    ];
    let tokenizer = Tokenizer::from_tiktoken(ranks(&tokens).as_bytes(), None).unwrap();
    // Short words are merged by searching, those of more than 48 bytes by a queue.
    proptest!(ProptestConfig::with_cases(500), |(word in "[abc]{1,40}|[abc]{49,160}|a{40,60}")| {
        let want = by_definition(&tokens, word.as_bytes());
        prop_assert_eq!(tokenizer.encode(&word, Special::AsText).unwrap(), want);
    });
}

#[test]
fn malformed_ranks_are_typed_errors() {
    let good = ranks(&[b"ab"]);
    let load = |file: &str| Tokenizer::from_tiktoken(file.as_bytes(), None);
    let tokenizer = load(&good).unwrap();
    assert_eq!(tokenizer.encode("ab", Special::AsText).unwrap(), [256]);
    assert_eq!(load(&good.replace('\n', "\r\n")).unwrap().vocab_size(), 513);
    let long = base64(&[b'a'; 513]);
    let broken = [
        ("empty", String::new()),
        ("a byte is missing", good.replace("AA== 0\n", "YWJj 0\n")),
        ("a rank is missing", good.replace(" 256", " 257")),
        ("a rank twice", good.replace(" 256", " 255")),
        ("a token twice", good.replace("YWI=", "AA==")),
        ("no rank", good.replace(" 256", "")),
        ("three fields", good.replace(" 256", " 256 1")),
        ("two spaces", good.replace(" 256", "  256")),
        ("a word for a rank", good.replace(" 256", " x")),
        ("a negative rank", good.replace(" 256", " -1")),
        ("a rank past all limits", good.replace(" 256", " 4294967295")),
        ("a rank past 64 bits", good.replace(" 256", " 99999999999999999999")),
        ("no base64", good.replace("YWI=", "YW!=")),
        ("no padding", good.replace("YWI=", "YWI")),
        ("padding in between", good.replace("YWI=", "YW=I")),
        ("padding alone", good.replace("YWI=", "====")),
        ("bits behind the end", good.replace("YWI=", "YWJ=")),
        ("an empty token", good.replace("YWI=", "")),
        ("a long token", good.replace("YWI=", &long)),
    ];
    for (what, file) in broken {
        let error = load(&file).expect_err(what);
        assert!(
            matches!(error, TokenizerError::Malformed { .. } | TokenizerError::TooLarge { .. }),
            "{what}: {error}"
        );
        assert!(error.to_string().len() < 200, "{what}: {error}");
    }
    let large = vec![b'\n'; (16 << 20) + 1];
    let error = Tokenizer::from_tiktoken(&large, None).unwrap_err();
    assert!(matches!(error, TokenizerError::TooLarge { .. }), "{error}");
    assert!(Tokenizer::from_tiktoken(&[0xFF; 64], None).is_err());
}

#[test]
fn a_config_that_does_not_fit_is_refused() {
    let file = ranks(&[]);
    let load = |config: &Value| {
        Tokenizer::from_tiktoken(file.as_bytes(), Some(config.to_string().as_bytes()))
    };
    let named = |id: &str, token: Value| json!({"added_tokens_decoder": {id: token}});
    assert_eq!(load(&named("256", json!({"content": "<s>"}))).unwrap().id_of("<s>"), Some(256));
    let broken = [
        ("below the ranks", named("255", json!({"content": "<s>"}))),
        ("past the 256", named("512", json!({"content": "<s>"}))),
        ("no number", named("x", json!({"content": "<s>"}))),
        ("no content", named("256", json!({"content": ""}))),
        ("no object", named("256", json!(3))),
        ("another's name", named("256", json!({"content": "<|reserved_token_257|>"}))),
        ("no list", json!({"added_tokens_decoder": []})),
        ("no object at all", json!([])),
    ];
    for (what, config) in broken {
        let error = load(&config).expect_err(what);
        assert!(matches!(error, TokenizerError::Malformed { .. }), "{what}: {error}");
    }
    let error = load(&json!({"tokenizer_class": "QWenTokenizer"})).unwrap_err();
    assert!(matches!(error, TokenizerError::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("QWenTokenizer"), "{error}");
}

#[test]
fn damaged_ranks_never_panic() {
    let whole = std::fs::read(folder().join("tiktoken.model")).unwrap();
    let patches = prop::collection::vec(any::<u8>(), 0..6);
    proptest!(ProptestConfig::with_cases(100), |(at in 0..whole.len(), bytes in patches,
        cut in 0usize..20)| {
        let mut damaged = whole.clone();
        let end = (at + cut).min(damaged.len());
        damaged.splice(at..end, bytes);
        if let Ok(tokenizer) = Tokenizer::from_tiktoken(&damaged, None) {
            let ids = tokenizer.encode("Hello \u{4e2d}", Special::Parse).unwrap();
            prop_assert_eq!(tokenizer.decode(&ids, SkipSpecial::No).unwrap(), "Hello \u{4e2d}");
        }
    });
}
