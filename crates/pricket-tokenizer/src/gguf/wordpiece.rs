//! BERT's vocabulary as GGUF files hold it: a token that begins a word has SentencePiece's mark in
//! front, and one that goes on has nothing. `tokenizer.json` says the same in other words, and
//! those are what is read here.

use serde_json::{Map, Value, json};

use super::{CONTROL, GgufVocab, UNKNOWN};
use crate::error::{Result, malformed};
use crate::huggingface;
use crate::tokenizer::decoding::SPACE_MARK;
use crate::tokenizer::{NamedIds, Parts};

/// What stands in front of a token that goes on.
const GOES_ON: &str = "##";

/// Puts the tokenizer together.
pub(super) fn parts(vocab: &GgufVocab) -> Result<Parts> {
    let tokens: Vec<String> =
        vocab.tokens.iter().enumerate().map(|(id, text)| written(vocab, id, text)).collect();
    let mut ids = Map::new();
    for (id, text) in tokens.iter().enumerate() {
        // Of tokens with the same text the first counts.
        ids.entry(text.as_str()).or_insert_with(|| id.into());
    }
    let text_of = |id: Option<u32>| id.and_then(|id| tokens.get(id as usize));
    let role = |id: Option<u32>, name: &str| {
        let id = id.or_else(|| ids.get(name)?.as_u64().map(|id| id as u32));
        (id, text_of(id).cloned())
    };
    let (begin, begin_text) = role(vocab.bos_id, "[CLS]");
    let (end, end_text) = role(vocab.eos_id, "[SEP]");
    let (unknown, unknown_text) = role(vocab.unknown_id, "[UNK]");
    let (padding, padding_text) = role(vocab.padding_id, "[PAD]");
    let around = match (begin, end) {
        (Some(begin), Some(end)) => json!({
            "type": "BertProcessing", "cls": [begin_text, begin], "sep": [end_text, end],
        }),
        _ => Value::Null,
    };
    let lowercase = vocab.lowercase.unwrap_or_else(|| !has_capitals(vocab, &tokens));
    let special: Vec<Value> = (0..tokens.len())
        .filter(|&id| is_special(vocab, id))
        .map(|id| json!({"id": id, "content": tokens.get(id), "special": true}))
        .collect();
    let file = json!({
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": vocab.strip_accents.unwrap_or(lowercase), "lowercase": lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": around,
        "decoder": {"type": "WordPiece", "prefix": GOES_ON, "cleanup": true},
        "added_tokens": special,
        "model": {
            "type": "WordPiece", "unk_token": unknown_text, "vocab": ids,
            "continuing_subword_prefix": GOES_ON, "max_input_chars_per_word": 100,
        },
    });
    let config = json!({"unk_token": unknown_text, "pad_token": padding_text});
    let bytes_of = |value: &Value| {
        let bytes = serde_json::to_vec(value);
        bytes.map_err(|error| malformed("tokenizer.ggml.tokens", error.to_string()))
    };
    let mut parts = huggingface::parts(&bytes_of(&file)?, Some(&bytes_of(&config)?))?;
    if vocab.add_bos == Some(false) {
        parts.prefix.clear();
    }
    if vocab.add_eos == Some(false) {
        parts.suffix.clear();
    }
    parts.named = NamedIds { bos: begin, eos: end, unk: unknown, pad: padding };
    Ok(parts)
}

fn is_special(vocab: &GgufVocab, id: usize) -> bool {
    matches!(vocab.token_types.get(id), Some(&(CONTROL | UNKNOWN)))
}

/// A token as `tokenizer.json` has it. Special ones carry no mark, nor did any in brackets in the
/// files of early writers.
fn written(vocab: &GgufVocab, id: usize, text: &str) -> String {
    if let Some(begins) = text.strip_prefix(SPACE_MARK) {
        return begins.to_owned();
    }
    let in_brackets = text.len() > 2 && text.starts_with('[') && text.ends_with(']');
    if in_brackets || is_special(vocab, id) {
        return text.to_owned();
    }
    format!("{GOES_ON}{text}")
}

/// Whether any word has a capital letter: then texts keep theirs. Early files do not say.
fn has_capitals(vocab: &GgufVocab, tokens: &[String]) -> bool {
    let words = tokens
        .iter()
        .enumerate()
        .filter(|&(id, text)| !is_special(vocab, id) && !text.starts_with('['));
    words.into_iter().any(|(_, text)| text.chars().any(|c| c.is_ascii_uppercase()))
}
