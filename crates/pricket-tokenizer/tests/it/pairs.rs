//! Two texts in one, as transformers joins and cuts them.

use std::path::PathBuf;

use pricket_tokenizer::{EncodedPair, Special, Tokenizer, TokenizerError};
use serde_json::{Value, json};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/embeddings").join(name)
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn encode(tokenizer: &Tokenizer, text: &Value) -> Vec<u32> {
    tokenizer.encode(text.as_str().unwrap(), Special::AsText).unwrap()
}

#[test]
fn pairs_and_cuts_are_those_of_transformers() {
    for (name, kinds) in [("tiny-cross-encoder", 2), ("tiny-xlm-cross-encoder", 1)] {
        let tokenizer = Tokenizer::from_file(folder(name).join("tokenizer.json")).unwrap();
        let text = std::fs::read_to_string(folder(name).join("reference.json")).unwrap();
        let reference: Value = serde_json::from_str(&text).unwrap();
        for pair in reference["pairs"].as_array().unwrap() {
            let (first, second) =
                (encode(&tokenizer, &pair["query"]), encode(&tokenizer, &pair["document"]));
            let ours = tokenizer.join_pair(&first, &second).unwrap();
            assert_eq!(ours.ids, ids(&pair["ids"]), "{name}");
            let types = ids(&pair["types"]);
            let second_from = types.iter().position(|kind| *kind == 1).unwrap_or(types.len());
            assert_eq!(ours.second_from, second_from, "{name}");
            assert_eq!(second_from == types.len(), kinds == 1, "{name}");
        }
        for cut in reference["cuts"].as_array().unwrap() {
            let (mut first, mut second) =
                (encode(&tokenizer, &cut["query"]), encode(&tokenizer, &cut["document"]));
            let most = cut["tokens_max"].as_u64().unwrap() as usize;
            let kept = tokenizer.fit_pair(first.len(), second.len(), most).unwrap();
            first.truncate(kept.0);
            second.truncate(kept.1);
            assert_eq!(tokenizer.join_pair(&first, &second).unwrap().ids, ids(&cut["ids"]));
        }
    }
}

/// A vocabulary of two words, two marks and this post-processor.
fn with(post_processor: &Value, config: Option<&Value>) -> Result<Tokenizer, TokenizerError> {
    let file = json!({
        "model": {"type": "WordLevel", "unk_token": "[UNK]",
            "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4}},
        "post_processor": post_processor,
    });
    let config = config.map(ToString::to_string);
    Tokenizer::from_tokenizer_json(
        file.to_string().as_bytes(),
        config.as_deref().map(str::as_bytes),
    )
}

fn template(pair: &Value) -> Value {
    json!({
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}],
        "pair": pair,
        "special_tokens": {"[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]}},
    })
}

#[test]
fn what_a_post_processor_says_of_two_texts() {
    let bert = json!({"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]});
    let joined = with(&bert, None).unwrap().join_pair(&[3], &[4, 4]).unwrap();
    assert_eq!(joined, EncodedPair { ids: vec![1, 3, 2, 4, 4, 2], second_from: 3 });
    let plain = json!({"model_input_names": ["input_ids", "attention_mask"]});
    let joined = with(&bert, Some(&plain)).unwrap().join_pair(&[3], &[4]).unwrap();
    assert_eq!(joined.second_from, joined.ids.len());
    let told = json!({"model_input_names": ["input_ids", "token_type_ids"]});
    assert_eq!(with(&bert, Some(&told)).unwrap().join_pair(&[3], &[4]).unwrap().second_from, 3);
    let roberta = json!({"type": "Sequence", "processors": [
        {"type": "ByteLevel"},
        {"type": "RobertaProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
    ]});
    let joined = with(&roberta, None).unwrap().join_pair(&[3], &[4]).unwrap();
    assert_eq!(joined, EncodedPair { ids: vec![1, 3, 2, 2, 4, 2], second_from: 6 });
}

#[test]
fn a_tokenizer_that_joins_no_texts_says_so() {
    let (first, second) = (
        json!({"Sequence": {"id": "A", "type_id": 0}}),
        |kind: u64| json!({"Sequence": {"id": "B", "type_id": kind}}),
    );
    let none = [
        Value::Null,
        json!({"type": "ByteLevel"}),
        template(&Value::Null),
        // One of the texts is missing, they are swapped, or kinds go back and forth.
        template(&json!([first])),
        template(&json!([second(1), first])),
        template(&json!([first, second(1), {"SpecialToken": {"id": "[SEP]", "type_id": 0}}])),
        template(&json!([first, second(2)])),
    ];
    for post_processor in none {
        let tokenizer = with(&post_processor, None).unwrap();
        let refused = tokenizer.join_pair(&[3], &[4]);
        assert!(matches!(refused, Err(TokenizerError::Unsupported { .. })), "{post_processor}");
        assert!(tokenizer.fit_pair(1, 1, 8).is_err());
    }
    for pair in [
        json!([first, {"SpecialToken": {"id": "[MASK]", "type_id": 0}}, second(1)]),
        json!([first, {"SpecialToken": {"type_id": 0}}, second(1)]),
        json!([first, second(300)]),
    ] {
        let refused = with(&template(&pair), None);
        assert!(matches!(refused, Err(TokenizerError::Malformed { .. })), "{pair}: {refused:?}");
    }
    let unknown = json!({"type": "BertProcessing", "sep": ["[SEP]", 9], "cls": ["[CLS]", 1]});
    let refused = with(&unknown, None);
    assert!(matches!(refused, Err(TokenizerError::IdUnknown { id: 9, .. })), "{refused:?}");
}
