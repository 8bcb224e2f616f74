//! Byte-pair encoding: of all neighbours the pair of the lowest rank becomes one token, the
//! leftmost of equals, until no pair is left.
//!
//! Source: Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword
//! Units" (2016). What counts as a pair is either a list of merges (`tokenizer.json`, GGUF) or any
//! two tokens whose bytes together are a token, ranked by its id (tiktoken).

mod alphabet;
mod merging;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use super::byte_alphabet::alphabet_bytes;
use super::sink::Sink;
use crate::error::{Result, malformed};

pub(crate) use alphabet::{Alphabet, CharTable};
pub(crate) use merging::Scratch;

/// What a pair of tokens becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Merge {
    rank: u32,
    id: u32,
}

/// A vocabulary with its merges.
#[derive(Debug)]
pub(crate) struct Pairs {
    /// By the ids of the left and the right token.
    merges: HashMap<u64, Merge, PairState>,
    alphabet: Alphabet,
    /// The ids of tokens by what they stand for: bytes, or, in an alphabet of characters, the
    /// bytes of their text.
    words: HashMap<Box<[u8]>, u32>,
    /// Tokens of an alphabet of bytes that have another character in them, by their text. No text
    /// becomes one of these by merging.
    others: HashMap<String, u32>,
    /// A word that is a token is not merged.
    whole_words: bool,
}

impl Pairs {
    /// A vocabulary of tokens and of merges: left token, right token, product; the position in the
    /// list is the rank.
    pub(crate) fn new(
        ids: &HashMap<String, u32>,
        merges: &[[u32; 3]],
        alphabet: Alphabet,
        whole_words: bool,
    ) -> Self {
        let mut words = HashMap::with_capacity(ids.len());
        let mut others = HashMap::new();
        for (text, &id) in ids {
            let bytes = match &alphabet {
                Alphabet::Bytes(_) => alphabet_bytes(text),
                Alphabet::Chars(_) => Some(text.as_bytes().to_vec()),
            };
            match bytes {
                Some(bytes) => drop(words.insert(bytes.into(), id)),
                None => drop(others.insert(text.clone(), id)),
            }
        }
        let mut table = HashMap::with_capacity_and_hasher(merges.len(), PairState::new());
        for (rank, &[left, right, id]) in merges.iter().enumerate() {
            // Of a pair that is there twice the last one counts, as in `tokenizers`.
            table.insert(key(left, right), Merge { rank: rank as u32, id });
        }
        Self { merges: table, alphabet, words, others, whole_words }
    }

    /// A vocabulary of tokens by rank, which is also their id: tiktoken's. Each is 512 bytes long
    /// at most, since every way to cut one in two is looked at.
    ///
    /// # Errors
    /// A byte that is no token.
    pub(crate) fn of_ranks(what: &'static str, tokens: &[Box<[u8]>]) -> Result<Self> {
        let words: HashMap<Box<[u8]>, u32> =
            tokens.iter().enumerate().map(|(id, token)| (token.clone(), id as u32)).collect();
        let of_byte = |byte: u8| {
            let id = words.get([byte].as_slice()).copied();
            id.ok_or_else(|| malformed(what, format!("the byte {byte} has no rank")))
        };
        let bytes: Box<[u32]> = (0..=255).map(of_byte).collect::<Result<_>>()?;
        let mut merges = HashMap::with_hasher(PairState::new());
        for (id, token) in tokens.iter().enumerate() {
            let id = id as u32;
            for cut in 1..token.len() {
                let (left, right) = token.split_at(cut);
                if let (Some(&left), Some(&right)) = (words.get(left), words.get(right)) {
                    merges.insert(key(left, right), Merge { rank: id, id });
                }
            }
        }
        let (alphabet, others) = (Alphabet::Bytes(bytes), HashMap::new());
        Ok(Self { merges, alphabet, words, others, whole_words: true })
    }

    /// The id of a token by its own text.
    pub(crate) fn id_of(&self, token: &str) -> Option<u32> {
        let own = match &self.alphabet {
            Alphabet::Bytes(_) => alphabet_bytes(token),
            Alphabet::Chars(_) => Some(token.as_bytes().to_vec()),
        };
        match own {
            Some(bytes) => self.words.get(bytes.as_slice()).copied(),
            None => self.others.get(token).copied(),
        }
    }

    /// The ids of a word.
    pub(crate) fn encode(&self, word: &str, scratch: &mut Scratch, out: &mut dyn Sink) {
        if self.whole_words
            && let Some(&id) = self.words.get(word.as_bytes())
        {
            return out.put(&[id]);
        }
        scratch.ids.clear();
        self.alphabet.push_ids(word, &mut scratch.ids);
        self.merge(scratch);
        out.put(&scratch.ids);
    }

    fn merge_of(&self, left: u32, right: u32) -> Option<Merge> {
        self.merges.get(&key(left, right)).copied()
    }
}

fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// Makes hashers of pairs, each process with a seed of its own: a file cannot aim at collisions.
#[derive(Debug, Clone)]
struct PairState(u64);

impl PairState {
    fn new() -> Self {
        Self(RandomState::new().hash_one(0u8))
    }
}

impl BuildHasher for PairState {
    type Hasher = PairHasher;

    fn build_hasher(&self) -> PairHasher {
        PairHasher(self.0)
    }
}

/// Multiplies to 128 bits and folds the halves.
#[derive(Debug)]
struct PairHasher(u64);

impl Hasher for PairHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // An odd number without a pattern: the fraction of the golden ratio.
        const FACTOR: u128 = 0x9E37_79B9_7F4A_7C15;
        let product = u128::from(self.0 ^ number) * FACTOR;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}
