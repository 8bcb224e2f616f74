//! Vocabularies from GGUF metadata.

use pricket_tokenizer::{GgufVocab, SkipSpecial, Special, Tokenizer, TokenizerError};
use serde_json::Value;

use crate::fixtures::{as_gguf, committed, ids, json, shared};
use crate::vocabularies::check_cases;

#[test]
fn smollm2_metadata_give_the_same_ids() {
    let Some(folder) = shared("tokenizers/smollm2") else { return };
    let file = json(&folder.join("tokenizer.json"));
    let vocab = GgufVocab {
        bos_id: Some(1),
        eos_id: Some(2),
        add_bos: Some(false),
        add_space_prefix: Some(false),
        ..as_gguf(&file, "gpt2", Some("smollm"))
    };
    let tokenizer = Tokenizer::from_gguf(&vocab).unwrap();
    check_cases(&tokenizer, &folder);
    assert_eq!((tokenizer.bos_id(), tokenizer.eos_id()), (Some(1), Some(2)));
    assert!(tokenizer.is_special(16) && !tokenizer.is_special(17));
}

/// Rewrites a folder's tokenizer as metadata and holds it against the folder's cases.
fn check_as(folder: &std::path::Path, model: &str, pre: Option<&str>) {
    let file = json(&folder.join("tokenizer.json"));
    let mut vocab = as_gguf(&file, model, pre);
    if model == "llama" {
        // A score per token that orders unions as the merges do.
        vocab.scores = vec![-1e6; vocab.tokens.len()];
        for (rank, merge) in vocab.merges.iter().enumerate() {
            let union = merge.replace(' ', "");
            let id = vocab.tokens.iter().position(|token| *token == union).unwrap();
            vocab.scores[id] = vocab.scores[id].max(-(rank as f32));
        }
        vocab.merges.clear();
        vocab.unknown_id = Some(0);
    }
    let tokenizer = Tokenizer::from_gguf(&vocab).unwrap();
    let cases = json(&folder.join("tokenizer_cases.json"));
    for case in cases["cases"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let want = ids(&case["ids"]);
        assert_eq!(tokenizer.encode(text, Special::Parse).unwrap(), want, "{model} {text:?}");
        let decoded = tokenizer.decode(&want, SkipSpecial::No).unwrap();
        assert_eq!(decoded, case["decoded"].as_str().unwrap(), "{model} {text:?}");
    }
}

#[test]
fn tiny_vocabularies_give_the_same_ids() {
    check_as(&committed("models/tiny-llama"), "llama", None);
    check_as(&committed("models/tiny-llama3-rope"), "gpt2", Some("llama-bpe"));
    for (name, pre) in [("tiny-qwen2", "qwen2"), ("tiny-deepseek-v3-groups", "deepseek-v3")] {
        if let Some(folder) = shared(&format!("models/{name}")) {
            check_as(&folder, "gpt2", Some(pre));
        }
    }
}

/// A byte-level vocabulary of single bytes.
fn bytes_only() -> GgufVocab {
    let file: Value = json(&committed("models/tiny-llama3-rope/tokenizer.json"));
    let mut vocab = as_gguf(&file, "gpt2", None);
    vocab.merges.clear();
    vocab
}

#[test]
fn every_known_splitting_compiles_and_keeps_the_text() {
    let names = [
        "default",
        "gpt-2",
        "gpt2",
        "phi-2",
        "olmo",
        "mpt",
        "jais",
        "smollm",
        "starcoder",
        "refact",
        "codeshell",
        "command-r",
        "falcon",
        "llama-bpe",
        "llama3",
        "llama-v3",
        "smaug-bpe",
        "dbrx",
        "glm4",
        "chatglm-bpe",
        "qwen2",
        "deepseek-r1-qwen",
        "stablelm2",
        "tekken",
        "gpt-4o",
        "llama4",
        "deepseek-v3",
        "deepseek-coder",
        "kimi-k2",
    ];
    let text =
        "It's 12345 o'clock,\r\n\n  \u{4e2d}\u{6587}\u{304b} caf\u{e9} HTTPServer \u{1f600}\t~!?  ";
    for name in names {
        let vocab = GgufVocab { pre: Some(name.to_owned()), ..bytes_only() };
        let tokenizer = Tokenizer::from_gguf(&vocab).unwrap();
        let ids = tokenizer.encode(text, Special::AsText).unwrap();
        assert_eq!(tokenizer.decode(&ids, SkipSpecial::Yes).unwrap(), text, "{name}");
        let words = tokenizer.words(text).unwrap().expect(name);
        assert!(words.len() > 8 && words.concat() == text, "{name}: {words:?}");
    }
}

#[test]
fn an_unknown_splitting_is_refused_by_name() {
    let vocab = GgufVocab { pre: Some("viking-9".to_owned()), ..bytes_only() };
    let error = Tokenizer::from_gguf(&vocab).unwrap_err();
    assert!(matches!(error, TokenizerError::PreTokenizerUnknown { .. }));
    assert!(error.to_string().contains("viking-9"), "{error}");
    assert_eq!(error.code(), "pre_tokenizer_unknown");
    let vocab = GgufVocab { model: "t5".to_owned(), ..bytes_only() };
    let error = Tokenizer::from_gguf(&vocab).unwrap_err();
    assert!(matches!(error, TokenizerError::Unsupported { .. }), "{error}");
}

/// A SentencePiece vocabulary with the given tokens, types and scores.
fn pieces(list: &[(&str, i32, f32)]) -> GgufVocab {
    GgufVocab {
        model: "llama".to_owned(),
        tokens: list.iter().map(|piece| piece.0.to_owned()).collect(),
        token_types: list.iter().map(|piece| piece.1).collect(),
        scores: list.iter().map(|piece| piece.2).collect(),
        bos_id: Some(1),
        eos_id: Some(2),
        unknown_id: Some(0),
        ..GgufVocab::default()
    }
}

#[test]
fn scores_decide_and_the_left_one_of_equals() {
    let list = [
        ("<unk>", 2, 0.0),
        ("<s>", 3, 0.0),
        ("</s>", 3, 0.0),
        ("a", 1, -9.0),
        ("b", 1, -9.0),
        ("ab", 1, -2.0),
        ("ba", 1, -1.0),
        ("\u{2581}", 1, -9.0),
        ("aa", 1, -3.0),
        ("<0x63>", 6, 0.0),
        ("  ", 4, 0.0),
    ];
    let mut vocab = GgufVocab { add_space_prefix: Some(false), ..pieces(&list) };
    let tokenizer = Tokenizer::from_gguf(&vocab).unwrap();
    let encode = |text: &str| tokenizer.encode(text, Special::Parse).unwrap();
    assert_eq!(encode("aba"), [3, 6], "the better score");
    assert_eq!(encode("aaa"), [8, 3], "the left one");
    assert_eq!(encode("acb"), [3, 9, 4], "a byte where there is no token");
    assert_eq!(encode("ad"), [3, 0], "the unknown token where there is no byte");
    assert_eq!(encode("a  b"), [3, 10, 4], "user-defined tokens are found in text");
    assert_eq!(encode("<s>a</s>"), [1, 3, 2]);
    assert_eq!(tokenizer.encode_prompt("a", Special::Parse).unwrap(), [1, 3], "BOS by default");
    vocab.add_bos = Some(false);
    vocab.add_eos = Some(true);
    vocab.add_space_prefix = None;
    let tokenizer = Tokenizer::from_gguf(&vocab).unwrap();
    assert_eq!(tokenizer.encode_prompt("a", Special::Parse).unwrap(), [7, 3, 2]);
    assert_eq!(tokenizer.decode(&[7, 3], SkipSpecial::Yes).unwrap(), "a");
}

#[test]
fn malformed_metadata_are_typed_errors() {
    let good = pieces(&[("<unk>", 2, 0.0), ("a", 1, 0.0), ("b", 1, 0.0)]);
    let broken: Vec<(&str, GgufVocab)> = vec![
        ("no tokens", GgufVocab { tokens: vec![], ..good.clone() }),
        ("no scores", GgufVocab { scores: vec![], ..good.clone() }),
        ("few scores", GgufVocab { scores: vec![0.0], ..good.clone() }),
        ("no number", GgufVocab { scores: vec![0.0, f32::NAN, 0.0], ..good.clone() }),
        ("few types", GgufVocab { token_types: vec![1], ..good.clone() }),
        ("bos", GgufVocab { bos_id: Some(3), ..good.clone() }),
        ("eos", GgufVocab { eos_id: Some(u32::MAX), ..good.clone() }),
        ("unk", GgufVocab { unknown_id: Some(77), ..good.clone() }),
        ("pad", GgufVocab { padding_id: Some(3), ..good.clone() }),
        (
            "long",
            GgufVocab { tokens: vec!["a".into(), "b".repeat(1 << 20), "c".into()], ..good.clone() },
        ),
        (
            "merge",
            GgufVocab {
                merges: vec!["ab".into()],
                pre: Some("gpt2".into()),
                model: "gpt2".into(),
                ..good.clone()
            },
        ),
        (
            "merge token",
            GgufVocab {
                merges: vec!["a b".into()],
                pre: Some("gpt2".into()),
                model: "gpt2".into(),
                ..good.clone()
            },
        ),
        (
            "merge part",
            GgufVocab {
                merges: vec![" a".into()],
                pre: Some("gpt2".into()),
                model: "gpt2".into(),
                ..good.clone()
            },
        ),
    ];
    Tokenizer::from_gguf(&GgufVocab { bos_id: None, eos_id: None, ..good }).unwrap();
    for (what, vocab) in broken {
        let vocab = if what == "bos" || what == "eos" {
            vocab
        } else {
            GgufVocab { bos_id: None, eos_id: None, ..vocab }
        };
        let error = Tokenizer::from_gguf(&vocab).expect_err(what);
        assert!(
            matches!(error, TokenizerError::Malformed { .. } | TokenizerError::TooLarge { .. }),
            "{what}: {error}"
        );
    }
}

/// BERT's vocabulary as writers of GGUF put it: words begin with a mark, the rest with nothing.
fn marked(file: &Value) -> GgufVocab {
    let mut vocab = GgufVocab { model: "bert".to_owned(), ..GgufVocab::default() };
    let count = file["model"]["vocab"].as_object().unwrap().len();
    (vocab.tokens, vocab.token_types) = (vec![String::new(); count], vec![1; count]);
    for token in file["added_tokens"].as_array().unwrap() {
        vocab.token_types[token["id"].as_u64().unwrap() as usize] = 3;
    }
    for (text, id) in file["model"]["vocab"].as_object().unwrap() {
        let id = id.as_u64().unwrap() as usize;
        vocab.tokens[id] = match text.strip_prefix("##") {
            _ if vocab.token_types[id] == 3 => text.clone(),
            Some(rest) => rest.to_owned(),
            None => format!("\u{2581}{text}"),
        };
    }
    vocab
}

#[test]
fn word_pieces_give_the_ids_of_their_tokenizer_json() {
    let folder = committed("embeddings/tiny-bert");
    let theirs = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    let vocab = marked(&json(&folder.join("tokenizer.json")));
    let ours = Tokenizer::from_gguf(&vocab).unwrap();
    for text in [
        "The quick brown fox jumps over the lazy dog.",
        "",
        " a  b\t",
        "Caf\u{e9} d\u{e9}j\u{e0} VU!",
        "\u{4f60}\u{597d} \u{2603} na\u{ef}ve",
        "[CLS] [MASK] x[SEP]",
        "0 1 2 42 3.14",
        "passwords",
    ] {
        let want = theirs.encode_prompt(text, Special::Parse).unwrap();
        assert_eq!(ours.encode_prompt(text, Special::Parse).unwrap(), want, "{text:?}");
        let decoded = ours.decode(&want, SkipSpecial::Yes).unwrap();
        assert_eq!(decoded, theirs.decode(&want, SkipSpecial::Yes).unwrap(), "{text:?}");
    }
    let pair = |tokenizer: &Tokenizer| tokenizer.join_pair(&[7], &[8, 9]).unwrap();
    assert_eq!(pair(&ours), pair(&theirs));
    assert_eq!((ours.bos_id(), ours.eos_id()), (Some(2), Some(3)));

    // A vocabulary with capitals keeps those of texts, unless the file says otherwise.
    let mut cased = vocab.clone();
    let id = cased.tokens.iter().position(|text| text == "\u{2581}a").unwrap();
    "\u{2581}A".clone_into(&mut cased.tokens[id]);
    let encode = |vocab: &GgufVocab| {
        Tokenizer::from_gguf(vocab).unwrap().encode("A", Special::AsText).unwrap()
    };
    assert_eq!(encode(&cased), [id as u32]);
    cased.lowercase = Some(true);
    assert_ne!(encode(&cased), [id as u32]);

    let bare = GgufVocab { add_bos: Some(false), add_eos: Some(false), ..vocab.clone() };
    let bare = Tokenizer::from_gguf(&bare).unwrap();
    assert_eq!(bare.around_prompt(), (&[][..], &[][..]));
    let lost = GgufVocab { tokens: vec!["a".to_owned()], token_types: vec![], ..vocab };
    assert!(Tokenizer::from_gguf(&lost).is_err(), "it has no unknown token");
}
