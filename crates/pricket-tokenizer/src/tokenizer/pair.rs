//! Two texts in one: what a tokenizer puts around them for models that read pairs.

use super::Tokenizer;
use crate::error::{Result, TokenizerError};

/// A piece of the template for two texts, and the kind that its tokens are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PairPiece {
    /// A special token.
    Token { id: u32, kind: u8 },
    /// The first text.
    First { kind: u8 },
    /// The second text.
    Second { kind: u8 },
}

/// Two texts as one row of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedPair {
    /// The ids, special tokens among them.
    pub ids: Vec<u32>,
    /// From which id on the tokens are of the second kind (`token_type_ids` of 1); the number of
    /// ids where all are of the first.
    pub second_from: usize,
}

/// The pieces around two texts, checked: both texts are named once, and no token of the first kind
/// stands behind one of the second.
#[derive(Debug, Clone, Default)]
pub(crate) struct PairTemplate(Vec<PairPiece>);

impl PairTemplate {
    /// A template of these pieces; `None` where they are not two texts, or kinds go back and forth.
    pub(crate) fn of(pieces: Vec<PairPiece>) -> Option<Self> {
        let texts: Vec<bool> = pieces
            .iter()
            .filter_map(|piece| match piece {
                PairPiece::Token { .. } => None,
                PairPiece::First { .. } => Some(false),
                PairPiece::Second { .. } => Some(true),
            })
            .collect();
        let kinds = || pieces.iter().map(|piece| piece.kind());
        let ordered = kinds().is_sorted() && kinds().all(|kind| kind < 2);
        (texts == [false, true] && ordered).then_some(Self(pieces))
    }

    /// The same with all tokens of the first kind.
    pub(crate) fn of_one_kind(mut self) -> Self {
        for piece in &mut self.0 {
            let (PairPiece::Token { kind, .. }
            | PairPiece::First { kind }
            | PairPiece::Second { kind }) = piece;
            *kind = 0;
        }
        self
    }

    /// How many special tokens it adds.
    fn special_tokens(&self) -> usize {
        self.0.iter().filter(|piece| matches!(piece, PairPiece::Token { .. })).count()
    }

    /// The special tokens.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        self.0.iter().filter_map(|piece| match piece {
            PairPiece::Token { id, .. } => Some(*id),
            _ => None,
        })
    }

    /// Puts two texts into their places.
    fn join(&self, first: &[u32], second: &[u32]) -> EncodedPair {
        let mut ids = Vec::with_capacity(first.len() + second.len() + self.0.len());
        let mut second_from = None;
        for piece in &self.0 {
            if piece.kind() == 1 && second_from.is_none() {
                second_from = Some(ids.len());
            }
            match piece {
                PairPiece::Token { id, .. } => ids.push(*id),
                PairPiece::First { .. } => ids.extend_from_slice(first),
                PairPiece::Second { .. } => ids.extend_from_slice(second),
            }
        }
        EncodedPair { second_from: second_from.unwrap_or(ids.len()), ids }
    }
}

impl PairPiece {
    fn kind(self) -> u8 {
        match self {
            Self::Token { kind, .. } | Self::First { kind } | Self::Second { kind } => kind,
        }
    }
}

impl Tokenizer {
    /// The ids that [`Tokenizer::encode_prompt`] puts in front of a text and behind it.
    pub fn around_prompt(&self) -> (&[u32], &[u32]) {
        (&self.inner.prefix, &self.inner.suffix)
    }

    /// Joins two texts, each encoded by [`Tokenizer::encode`], to what a model for pairs reads.
    ///
    /// # Errors
    /// [`TokenizerError::Unsupported`] where this tokenizer's files do not say how.
    pub fn join_pair(&self, first: &[u32], second: &[u32]) -> Result<EncodedPair> {
        Ok(required(self.inner.pair.as_ref())?.join(first, second))
    }

    /// How many tokens of two texts of `first` and `second` tokens are kept where the joined pair
    /// may have at most `tokens_max`, special tokens among them. Both, where they fit; else the
    /// longer is cut first, as `longest_first` of Hugging Face's tokenizers does.
    ///
    /// # Errors
    /// [`TokenizerError::Unsupported`] where this tokenizer's files do not say how texts are
    /// joined.
    pub fn fit_pair(
        &self,
        first: usize,
        second: usize,
        tokens_max: usize,
    ) -> Result<(usize, usize)> {
        let special = required(self.inner.pair.as_ref())?.special_tokens();
        Ok(longest_first(first, second, tokens_max.saturating_sub(special)))
    }
}

/// The error of a tokenizer that joins no texts.
fn no_template() -> TokenizerError {
    TokenizerError::Unsupported {
        what: "tokenizer.json post_processor",
        value: "without a template for two texts".to_owned(),
        remedy: "only models that read pairs have one: rerankers, not embedders",
    }
}

/// How many tokens of two texts are kept where both may have `room` together: the longer is cut to
/// what the shorter leaves, and where both are longer than half, both are cut to half; the longer
/// one, or the second of two as long, gets the odd token. This is `longest_first` of Hugging Face's
/// tokenizers.
fn longest_first(first: usize, second: usize, room: usize) -> (usize, usize) {
    if first.saturating_add(second) <= room {
        return (first, second);
    }
    let shorter = first.min(second);
    let (short, long) =
        if shorter <= room / 2 { (shorter, room - shorter) } else { (room / 2, room - room / 2) };
    if first > second { (long, short) } else { (short, long) }
}

/// Holds a pair against a template that may be missing.
fn required(template: Option<&PairTemplate>) -> Result<&PairTemplate> {
    template.ok_or_else(no_template)
}
