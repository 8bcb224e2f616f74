//! The Unigram model of a `tokenizer.json`: pieces and their scores, as SentencePiece learns them
//! (Kudo, 2018). XLM-RoBERTa's vocabulary and those of its kin are such.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokenizers::ModelWrapper;

use super::Tokens;
use crate::error::{Result, malformed, within};
use crate::limits::{UNIGRAM_PIECE_BYTES_MAX, VOCAB_SIZE_MAX};
use crate::tokenizer::vocabulary::Entry;

const VOCAB: &str = "tokenizer.json model.vocab";

/// The ids of the pieces, and the pieces by id. Of two pieces with the same text the last counts.
pub(super) fn tokens(vocab: &Value) -> Result<Tokens> {
    let Value::Array(pieces) = vocab else {
        return Err(malformed(VOCAB, "it is no JSON array"));
    };
    within("the vocabulary's size", pieces.len(), VOCAB_SIZE_MAX)?;
    let mut ids = HashMap::with_capacity(pieces.len());
    let mut entries = Vec::with_capacity(pieces.len());
    for (id, piece) in pieces.iter().enumerate() {
        let (Some(text), Some(score)) = (piece[0].as_str(), piece[1].as_f64()) else {
            return Err(malformed(VOCAB, format!("piece {id} is no text with a score")));
        };
        if !score.is_finite() {
            return Err(malformed(VOCAB, format!("the score of piece {id} is {score}")));
        }
        within("a piece's length in bytes", text.len(), UNIGRAM_PIECE_BYTES_MAX)?;
        ids.insert(text.to_owned(), id as u32);
        entries.push(Some(Entry { text: text.to_owned().into(), special: false }));
    }
    Ok((ids, entries))
}

/// The model, of which [`tokens`] has looked at the pieces. Special tokens among them are found in
/// a text before the model sees it, and where they are to stay text the model must not find them
/// either: its piece for them becomes the empty one, which no text has.
pub(super) fn model(mut model: Value, special: &[u32]) -> Result<ModelWrapper> {
    for &id in special {
        if let Some(piece) = model["vocab"].get_mut(id as usize) {
            piece[0] = "".into();
        }
    }
    let description = json!({
        "type": "Unigram",
        "unk_id": model["unk_id"].take(),
        "byte_fallback": model["byte_fallback"] == true,
        "vocab": model["vocab"].take(),
    });
    serde_json::from_value(description)
        .map_err(|error| malformed("tokenizer.json model", error.to_string()))
}
