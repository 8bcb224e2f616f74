//! What a word is before anything is merged: its bytes, or its characters.

use std::collections::HashMap;

use crate::tokenizer::byte_alphabet::alphabet_char;

/// In the place of a token that is not there. No vocabulary is as large.
const ABSENT: u32 = u32::MAX;

/// The tokens that words are cut into first.
#[derive(Debug)]
pub(crate) enum Alphabet {
    /// The tokens of the 256 bytes.
    Bytes(Box<[u32]>),
    /// Tokens of characters, and what stands for the others.
    Chars(CharTable),
}

impl Alphabet {
    /// The bytes of GPT-2's alphabet. A byte without a token leaves no trace in the ids, as in
    /// `tokenizers` and llama.cpp: vocabularies leave out what their training text did not have.
    pub(crate) fn of_bytes(ids: &HashMap<String, u32>) -> Self {
        let id = |byte: u8| ids.get(&*alphabet_char(byte).encode_utf8(&mut [0; 4])).copied();
        Self::Bytes((0..=255).map(|byte| id(byte).unwrap_or(ABSENT)).collect())
    }

    /// Whether every byte has a token.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Bytes(table) if !table.contains(&ABSENT))
    }

    /// Appends the first ids of a word.
    pub(super) fn push_ids(&self, word: &str, ids: &mut Vec<u32>) {
        match self {
            Self::Bytes(table) => {
                let of_byte = |byte: u8| table.get(usize::from(byte)).copied();
                ids.extend(word.bytes().filter_map(of_byte).filter(|&id| id != ABSENT));
            }
            Self::Chars(table) => table.push_ids(word, ids),
        }
    }
}

/// Tokens of characters.
#[derive(Debug)]
pub(crate) struct CharTable {
    ids: HashMap<char, u32>,
    /// The tokens `<0x00>` to `<0xFF>`; empty where the vocabulary does not fall back to them.
    bytes: Vec<Option<u32>>,
    unk: Option<u32>,
    /// Neighbouring unknown characters are one.
    fuses_unk: bool,
}

impl CharTable {
    /// The characters among the tokens, and what stands for those that are none.
    pub(crate) fn new(
        tokens: &HashMap<String, u32>,
        falls_back: bool,
        unk: Option<u32>,
        fuses_unk: bool,
    ) -> Self {
        let mut ids = HashMap::new();
        for (text, &id) in tokens {
            let mut chars = text.chars();
            if let (Some(c), None) = (chars.next(), chars.next()) {
                ids.insert(c, id);
            }
        }
        let byte_id = |byte: u8| tokens.get(&format!("<0x{byte:02X}>")).copied();
        let bytes = if falls_back { (0..=255).map(byte_id).collect() } else { Vec::new() };
        Self { ids, bytes, unk, fuses_unk }
    }

    /// The unknown token waits for the next known character, as in `tokenizers`: bytes overtake it.
    fn push_ids(&self, word: &str, ids: &mut Vec<u32>) {
        let mut waiting = None;
        let mut utf8 = [0; 4];
        for c in word.chars() {
            if let Some(&id) = self.ids.get(&c) {
                ids.extend(waiting.take());
                ids.push(id);
                continue;
            }
            let start = ids.len();
            let text = c.encode_utf8(&mut utf8);
            let found = text.bytes().map_while(|b| *self.bytes.get(usize::from(b))?);
            ids.extend(found);
            if ids.len() == start + text.len() {
                continue;
            }
            ids.truncate(start);
            if let Some(unk) = self.unk {
                match waiting {
                    Some(other) if !self.fuses_unk => ids.push(other),
                    _ => {}
                }
                waiting = Some(unk);
            }
        }
        ids.extend(waiting);
    }
}
