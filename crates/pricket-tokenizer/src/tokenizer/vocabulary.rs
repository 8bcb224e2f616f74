//! The vocabulary by id: what each token adds to the text, and what kind of token it is.

use std::borrow::Cow;

use super::decoding::{DecodeRule, Piece};
use crate::error::{Result, within};
use crate::limits::{TOKEN_BYTES_MAX, VOCAB_SIZE_MAX};

/// A token exists at this id.
const PRESENT: u8 = 1;
/// The token is hidden from readers.
const SPECIAL: u8 = 2;
/// The token is one raw byte that joins its neighbours to characters.
const BYTE: u8 = 4;

/// Byte strings one after another, by index.
#[derive(Debug, Default)]
struct Arena {
    bytes: Vec<u8>,
    /// Where each string ends; it begins where the one before ends.
    ends: Vec<u32>,
}

impl Arena {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len() as u32);
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = match index {
            0 => 0,
            _ => *self.ends.get(index - 1)? as usize,
        };
        self.bytes.get(start..end)
    }
}

/// A token as the vocabulary's file has it.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) special: bool,
}

/// What every id stands for. Immutable and shared by all detokenisers of a tokenizer.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    flags: Vec<u8>,
    /// What a token adds to a text that has begun.
    inner: Arena,
    /// What it adds to an empty text, for the rules where that differs.
    first: Option<Arena>,
    /// The tokens' own texts.
    texts: Arena,
    rule: DecodeRule,
}

impl Vocabulary {
    /// Builds the tables; `entries` is by id, with `None` where no token has the id.
    pub(crate) fn new(entries: &[Option<Entry<'_>>], rule: DecodeRule) -> Result<Self> {
        within("the vocabulary's size", entries.len(), VOCAB_SIZE_MAX)?;
        let total: usize = entries.iter().flatten().map(|entry| entry.text.len()).sum();
        within("the vocabulary's text in bytes", total, u32::MAX as usize / 4)?;
        let mut flags = Vec::with_capacity(entries.len());
        let (mut inner, mut texts) = (Arena::default(), Arena::default());
        let mut first = rule.has_first_form().then(Arena::default);
        for entry in entries {
            let mut flag = 0;
            let text = entry.as_ref().map_or("", |entry| &*entry.text);
            within("a token's length in bytes", text.len(), TOKEN_BYTES_MAX)?;
            if let Some(entry) = entry {
                flag |= PRESENT | if entry.special { SPECIAL } else { 0 };
                match rule.piece(text, false) {
                    Piece::Byte(byte) => {
                        flag |= BYTE;
                        inner.push(&[byte]);
                    }
                    Piece::Text(bytes) => inner.push(&bytes),
                }
            } else {
                inner.push(&[]);
            }
            if let Some(first) = &mut first {
                match rule.piece(text, true) {
                    Piece::Byte(byte) => first.push(&[byte]),
                    Piece::Text(bytes) => first.push(&bytes),
                }
            }
            texts.push(text.as_bytes());
            flags.push(flag);
        }
        Ok(Self { flags, inner, first, texts, rule })
    }

    /// One past the largest id.
    pub(crate) fn len(&self) -> usize {
        self.flags.len()
    }

    pub(crate) fn rule(&self) -> &DecodeRule {
        &self.rule
    }

    fn has(&self, id: u32, flag: u8) -> bool {
        self.flags.get(id as usize).is_some_and(|flags| flags & flag != 0)
    }

    pub(crate) fn is_present(&self, id: u32) -> bool {
        self.has(id, PRESENT)
    }

    pub(crate) fn is_special(&self, id: u32) -> bool {
        self.has(id, SPECIAL)
    }

    /// Whether the token is one raw byte of a SentencePiece vocabulary.
    pub(crate) fn is_byte(&self, id: u32) -> bool {
        self.has(id, BYTE)
    }

    /// What the token adds to the text.
    pub(crate) fn bytes(&self, id: u32, is_first: bool) -> Option<&[u8]> {
        if !self.is_present(id) {
            return None;
        }
        let arena = match &self.first {
            Some(first) if is_first => first,
            _ => &self.inner,
        };
        arena.get(id as usize)
    }

    /// The token's own text, as the vocabulary's file has it.
    pub(crate) fn text(&self, id: u32) -> Option<&str> {
        if !self.is_present(id) {
            return None;
        }
        self.texts.get(id as usize).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}
