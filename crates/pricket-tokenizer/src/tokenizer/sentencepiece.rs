//! SentencePiece's BPE by scores: the neighbouring pair whose union has the best score is merged
//! first, the leftmost of equals; what is left over becomes bytes.
//!
//! Source: Kudo and Richardson, "SentencePiece" (2018), and the GGUF convention that a space is put
//! in front of each stretch of text between special tokens.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use super::decoding::{SPACE_MARK, fallback_byte};
use super::sink::Sink;
use crate::error::{Result, TokenizerError};

/// No neighbour.
const NONE: usize = usize::MAX;

/// A SentencePiece vocabulary.
#[derive(Debug)]
pub(crate) struct SentencePiece {
    ids: HashMap<String, u32>,
    /// By id.
    scores: Vec<f32>,
    /// The tokens of the 256 bytes.
    bytes: Vec<Option<u32>>,
    unk: Option<u32>,
    space_prefix: bool,
}

/// A stretch of the text that is one piece so far.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    start: usize,
    /// Length in bytes; 0 once it was merged into its left neighbour.
    len: usize,
    prev: usize,
    next: usize,
}

/// Two neighbours whose union is a token.
#[derive(Debug)]
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Length of the union when the pair was found; another one by now means it is outdated.
    len: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

impl SentencePiece {
    /// A vocabulary of tokens with scores by id.
    pub(crate) fn new(
        ids: HashMap<String, u32>,
        scores: Vec<f32>,
        unk: Option<u32>,
        space_prefix: bool,
    ) -> Self {
        let mut bytes = vec![None; 256];
        for (token, &id) in &ids {
            if let Some(slot) = fallback_byte(token).and_then(|byte| bytes.get_mut(byte as usize)) {
                *slot = Some(id);
            }
        }
        Self { ids, scores, bytes, unk, space_prefix }
    }

    /// The id of a token.
    pub(crate) fn id_of(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// Appends the ids of a stretch of text between added tokens.
    pub(crate) fn encode(&self, text: &str, out: &mut dyn Sink) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let mut marked = String::with_capacity(text.len() + text.len() / 2 + 3);
        if self.space_prefix {
            marked.push(SPACE_MARK);
        }
        marked.extend(text.chars().map(|c| if c == ' ' { SPACE_MARK } else { c }));
        for piece in self.merge(&marked) {
            self.push_piece(piece, out)?;
        }
        Ok(())
    }

    /// Splits a text into the pieces that merging leaves.
    fn merge<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let mut symbols: Vec<Symbol> = text
            .char_indices()
            .enumerate()
            .map(|(index, (start, c))| Symbol {
                start,
                len: c.len_utf8(),
                prev: if index == 0 { NONE } else { index - 1 },
                next: index + 1,
            })
            .collect();
        if let Some(last) = symbols.last_mut() {
            last.next = NONE;
        }
        let mut queue = BinaryHeap::new();
        for left in 1..symbols.len() {
            self.offer(text, &symbols, (left - 1, left), &mut queue);
        }
        while let Some(pair) = queue.pop() {
            let (left, right) = (symbols[pair.left], symbols[pair.right]);
            if left.len == 0 || right.len == 0 || left.len + right.len != pair.len {
                continue;
            }
            symbols[pair.left] = Symbol { len: pair.len, next: right.next, ..left };
            symbols[pair.right].len = 0;
            if let Some(after) = symbols.get_mut(right.next) {
                after.prev = pair.left;
            }
            self.offer(text, &symbols, (left.prev, pair.left), &mut queue);
            self.offer(text, &symbols, (pair.left, right.next), &mut queue);
        }
        symbols
            .iter()
            .filter(|symbol| symbol.len > 0)
            .filter_map(|symbol| text.get(symbol.start..symbol.start + symbol.len))
            .collect()
    }

    /// Puts a pair of neighbours into the queue if their union is a token.
    fn offer(
        &self,
        text: &str,
        symbols: &[Symbol],
        (left, right): (usize, usize),
        queue: &mut BinaryHeap<Pair>,
    ) {
        let (Some(a), Some(b)) = (symbols.get(left), symbols.get(right)) else { return };
        let len = a.len + b.len;
        let union = text.get(a.start..a.start + len).and_then(|union| self.ids.get(union));
        if let Some(&score) = union.and_then(|&id| self.scores.get(id as usize)) {
            queue.push(Pair { score, left, right, len });
        }
    }

    /// Appends a piece: its token, or the tokens of its bytes, or the unknown token.
    fn push_piece(&self, piece: &str, out: &mut dyn Sink) -> Result<()> {
        if let Some(&id) = self.ids.get(piece) {
            out.put(&[id]);
            return Ok(());
        }
        let bytes: Option<Vec<u32>> =
            piece.bytes().map(|byte| self.bytes.get(byte as usize).copied().flatten()).collect();
        match (bytes, self.unk) {
            (Some(bytes), _) => out.put(&bytes),
            (None, Some(unk)) => out.put(&[unk]),
            (None, None) => {
                return Err(TokenizerError::Encode {
                    why: format!("no token, byte or unknown token stands for `{piece}`"),
                });
            }
        }
        Ok(())
    }
}
