//! Damaged and hostile files end in typed errors, and nothing panics.

use std::time::{Duration, Instant};

use pricket_tokenizer::{
    ChatTemplate, GgufVocab, SkipSpecial, Special, SpecialTokens, TemplateInput, Tokenizer,
    TokenizerError,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::{committed, json as read_json, tiny_llama};

/// A small `tokenizer.json` that loads.
fn good() -> Value {
    json!({
        "version": "1.0",
        "added_tokens": [{"id": 4, "content": "<s>", "special": true}],
        "normalizer": {"type": "Prepend", "prepend": "_"},
        "pre_tokenizer": {
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true
        },
        "post_processor": null,
        "decoder": {"type": "ByteLevel"},
        "model": {
            "type": "BPE", "unk_token": null, "merges": ["a b"],
            "vocab": {"a": 0, "b": 1, "ab": 2, "_": 3}
        }
    })
}

fn load(file: &Value) -> Result<Tokenizer, TokenizerError> {
    Tokenizer::from_tokenizer_json(&serde_json::to_vec(file).unwrap(), None)
}

#[test]
fn malformed_files_are_typed_errors() {
    let tokenizer = load(&good()).unwrap();
    assert_eq!(tokenizer.encode("ab<s>", Special::Parse).unwrap(), [3, 2, 4]);
    let deep = (0..100).fold(
        json!({"type": "NFC"}),
        |inner, _| json!({"type": "Sequence", "normalizers": [inner]}),
    );
    let template = |single: Value| {
        let kind = "TemplateProcessing";
        json!({"type": kind, "single": single, "special_tokens": {}})
    };
    let split = |pattern: &str| {
        let pattern = json!({"Regex": pattern});
        json!({"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false})
    };
    let changes: Vec<(&str, Value)> = vec![
        ("/model", json!(null)),
        ("/model", json!({"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 9})),
        ("/model/vocab", json!([])),
        ("/model/vocab", json!({"a": -1})),
        ("/model/vocab", json!({"a": 4_294_967_295u64})),
        ("/model/vocab", json!({"a": 9_999_999_999u64})),
        ("/model/vocab", json!({"a": 0, "b": 0, "ab": 1})),
        ("/model/vocab", json!({"a": 0, "b": 1})),
        ("/model/merges", json!("a b")),
        ("/model/merges", json!(["ab"])),
        ("/model/merges", json!(["a b a"])),
        ("/model/merges", json!([["a", 1]])),
        ("/model/merges", json!([["", "ab"]])),
        ("/model/merges", json!([["ab", "ab"]])),
        ("/model/unk_token", json!("absent")),
        ("/model/dropout", json!(0.5)),
        ("/model/continuing_subword_prefix", json!("####")),
        ("/added_tokens", json!({})),
        ("/added_tokens", json!([{"id": 4}])),
        ("/added_tokens", json!([{"id": 4, "content": "x".repeat(1 << 20)}])),
        ("/normalizer", json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"})),
        ("/normalizer", json!({"type": "Replace", "pattern": {"Regex": "x*"}, "content": ""})),
        ("/normalizer", json!({"type": "Replace", "pattern": {"String": ""}, "content": "x"})),
        ("/normalizer", json!({"type": "Prepend"})),
        ("/normalizer", deep),
        ("/pre_tokenizer", split("(")),
        ("/pre_tokenizer", split(&"a".repeat(1 << 20))),
        ("/pre_tokenizer", json!("ByteLevel")),
        ("/pre_tokenizer", json!({"type": "Sequence"})),
        ("/decoder", json!({"type": "CTC"})),
        ("/decoder", json!({"type": "Strip", "content": "", "start": 1, "stop": 0})),
        ("/decoder", json!({"type": "Sequence", "decoders": 3})),
        ("/post_processor", json!({"type": "Magic"})),
        ("/post_processor", template(json!([]))),
        (
            "/post_processor",
            template(json!([{"SpecialToken": {"id": "x"}}, {"Sequence": {"id": "A"}}])),
        ),
        ("/post_processor", json!({"type": "BertProcessing", "cls": ["a", 0], "sep": ["b", 999]})),
    ];
    for (place, value) in changes {
        let mut file = good();
        let short = value.to_string().chars().take(120).collect::<String>();
        let (parent, name) = place.rsplit_once('/').unwrap();
        file.pointer_mut(parent).unwrap()[name] = value;
        let error = load(&file).expect_err(&format!("{place} = {short}"));
        assert!(error.to_string().len() < 400, "{place} = {short}: {error}");
    }
    for bytes in [&b""[..], b"[]", b"{", b"null", b"\xff\xfe", b"{\"model\": {\"type\": \"BPE\"}}"]
    {
        assert!(Tokenizer::from_tokenizer_json(bytes, None).is_err());
    }
    let file = serde_json::to_vec(&good()).unwrap();
    assert!(Tokenizer::from_tokenizer_json(&file, Some(b"[")).is_err());
    let missing = Tokenizer::from_file("/nowhere/tokenizer.json").unwrap_err();
    assert_eq!(missing.kind(), pricket_core::ErrorKind::NotFound);
}

#[test]
fn damaged_files_never_panic() {
    let whole = std::fs::read(committed("models/tiny-llama/tokenizer.json")).unwrap();
    let config = ProptestConfig::with_cases(400);
    let patches = prop::collection::vec(any::<u8>(), 0..4);
    proptest!(config, |(at in 0..whole.len(), bytes in patches, cut in 0usize..20)| {
        let mut damaged = whole.clone();
        let end = (at + cut).min(damaged.len());
        damaged.splice(at..end, bytes);
        if let Ok(tokenizer) = Tokenizer::from_tokenizer_json(&damaged, None) {
            let _ = tokenizer.encode("Hello <s> \u{4e2d}", Special::Parse);
            let _ = tokenizer.decode(&[0, 5, 300], SkipSpecial::No);
        }
    });
}

#[test]
fn changed_values_never_panic() {
    let whole = read_json(&committed("models/tiny-llama3-rope/tokenizer.json"));
    let pointers = [
        "/normalizer",
        "/pre_tokenizer",
        "/pre_tokenizer/pretokenizers/0",
        "/post_processor",
        "/decoder",
        "/decoder/type",
        "/model/merges/3",
        "/model/type",
        "/model/unk_token",
        "/model/byte_fallback",
        "/model/ignore_merges",
        "/added_tokens/0",
        "/added_tokens/1/content",
        "/added_tokens/1/id",
        "/model/end_of_word_suffix",
        "/model/fuse_unk",
        "/truncation",
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(-1)),
        Just(json!("a b")),
        Just(json!("")),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"type": "NFKC"})),
        Just(json!({"type": "Digits"})),
        Just(json!({"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "first"})),
        Just(json!({"type": "WordPiece"})),
        Just(json!({"type": "Strip", "strip_left": true, "strip_right": true})),
        Just(json!({
            "type": "Split",
            "pattern": {"Regex": "|a*"},
            "behavior": "Removed",
            "invert": true
        })),
    ];
    let config = ProptestConfig::with_cases(300);
    proptest!(config, |(which in 0..pointers.len(), value in leaf, text in any::<String>())| {
        let mut file = whole.clone();
        if let Some(slot) = file.pointer_mut(pointers[which]) {
            *slot = value;
        }
        if let Ok(tokenizer) = load(&file) {
            let _ = tokenizer.encode(&text, Special::Parse);
            let _ = tokenizer.decode(&[0, 1, 300, 511], SkipSpecial::Yes);
        }
    });
}

#[test]
fn arbitrary_metadata_never_panic() {
    let tokens = prop::collection::vec("(<0x[0-9A-F]{2}>|[ab\u{2581}]{0,3}|<s>)", 0..12);
    let merges = prop::collection::vec("[ab]{0,2} ?[ab]{0,2}", 0..6);
    proptest!(|(tokens in tokens, merges in merges, kinds in prop::collection::vec(0..8, 0..12),
        scores in prop::collection::vec(any::<f32>(), 0..12), unk in prop::option::of(0u32..14),
        is_spm in any::<bool>(), text in "[ab <s>\u{e9}]{0,12}")| {
        let vocab = GgufVocab {
            model: if is_spm { "llama" } else { "gpt2" }.to_owned(),
            pre: Some("gpt-2".to_owned()),
            tokens, scores, merges, token_types: kinds, unknown_id: unk,
            ..GgufVocab::default()
        };
        if let Ok(tokenizer) = Tokenizer::from_gguf(&vocab)
            && let Ok(ids) = tokenizer.encode(&text, Special::Parse)
        {
            prop_assert!(tokenizer.decode(&ids, SkipSpecial::No).is_ok());
        }
    });
}

fn render(source: &str) -> Result<String, TokenizerError> {
    let guarded: Vec<String> = vec!["<s>".to_owned()];
    let special = SpecialTokens { guarded: guarded.into(), ..SpecialTokens::default() };
    let messages = json!([{"role": "user", "content": "a <s> b"}]);
    let rendered = ChatTemplate::new(source, &special)?.render(&TemplateInput::new(&messages))?;
    Ok(rendered.text().to_owned())
}

#[test]
fn hostile_templates_end() {
    let start = Instant::now();
    let sources = [
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{{ 'x' * 99999 }}{% endfor %}",
        "{{ 'x' * 99999999999 }}",
        "{% include 'x' %}",
        "{{ messages[0].content.nothing.deeper }}",
        "{{ raise_exception() }}",
        "{{ 1 // 0 }}",
        "{% if %}",
        "{{",
        "{% generation %}",
        "{% unknown %}",
        "{{ messages | tojson(indent=-1) }}",
        "{{ messages | tojson(separators=1) }}",
    ];
    for source in sources {
        let error = render(source).expect_err(source);
        assert!(error.to_string().len() < 1_000, "{source}: {error}");
    }
    let nested = format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(render(&format!("{{{{ {nested} }}}}")).is_err());
    assert!(matches!(render(&"x".repeat(2 << 20)), Err(TokenizerError::TooLarge { .. })));
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}

#[test]
fn arbitrary_templates_never_panic() {
    let words = prop_oneof![
        "\\{%-? (end)?(if|for|generation) ?[a-z=.| ]{0,12} -?%\\}",
        "\\{%-? (set|macro|break) ?[a-z=.| ]{0,12} -?%\\}",
        "\\{\\{ [a-z.|'~()\\[\\]0-9 ]{0,16} \\}\\}",
        Just("{{ messages[0].content | tojson }}".to_owned()),
        any::<String>(),
    ];
    proptest!(ProptestConfig::with_cases(300), |(words in prop::collection::vec(words, 0..6))| {
        let _ = render(&words.concat());
    });
}

#[test]
fn messages_that_are_none_are_refused() {
    let template = ChatTemplate::new("x", &SpecialTokens::default()).unwrap();
    let no_list = json!({"role": "user"});
    let error = template.render(&TemplateInput::new(&no_list)).unwrap_err();
    assert!(matches!(error, TokenizerError::RenderRequest { .. }), "{error}");
    let deep = (0..500).fold(json!(1), |inner, _| json!([inner]));
    assert!(template.render(&TemplateInput::new(&deep)).is_err());
}

#[test]
fn a_text_past_the_limit_is_refused() {
    let text = "a".repeat((64 << 20) + 1);
    let error = tiny_llama().encode(&text, Special::AsText).unwrap_err();
    assert!(matches!(error, TokenizerError::TooLarge { .. }), "{error}");
}
