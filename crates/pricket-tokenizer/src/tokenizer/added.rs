//! Added tokens: texts that are cut out of the input before anything else looks at it.
//!
//! The rules are those of Hugging Face's `AddedVocabulary`: leftmost, longest; tokens that are not
//! `normalized` are looked for in the raw text, the others after normalisation.

use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, Input, MatchKind};

use crate::error::{Result, TokenizerError, malformed};

/// One added token, with the fields of `tokenizer.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the switches of the file, one by one")]
pub(crate) struct AddedToken {
    pub(crate) id: u32,
    pub(crate) text: String,
    pub(crate) single_word: bool,
    pub(crate) lstrip: bool,
    pub(crate) rstrip: bool,
    pub(crate) normalized: bool,
    pub(crate) special: bool,
}

/// Which special tokens a search may find.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpecialPolicy<'a> {
    /// Whether any is found at all.
    pub(crate) parse: bool,
    /// Byte positions in the whole text that no added token may cross, in ascending order.
    pub(crate) breaks: &'a [usize],
    /// Added tokens that are text wherever they stand.
    pub(crate) barred: &'a [String],
}

impl SpecialPolicy<'_> {
    /// Special tokens are parsed everywhere, or nowhere.
    pub(crate) fn everywhere(parse: bool) -> Self {
        Self { parse, breaks: &[], barred: &[] }
    }

    /// Whether a break lies inside `start..end`.
    fn is_broken(&self, start: usize, end: usize) -> bool {
        let next = self.breaks.partition_point(|&at| at <= start);
        self.breaks.get(next).is_some_and(|&at| at < end)
    }
}

/// A stretch of text: a token, or text between tokens.
pub(crate) type Stretch = (Range<usize>, Option<u32>);

/// The tokens of one phase, compiled.
#[derive(Debug)]
struct Finder {
    automaton: AhoCorasick,
    /// Indices into `AddedTokens::tokens`, by pattern.
    tokens: Vec<usize>,
}

/// When a search happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Before normalisation.
    Raw,
    /// After it.
    Normalized,
}

/// All added tokens of a vocabulary.
#[derive(Debug)]
pub(crate) struct AddedTokens {
    tokens: Vec<AddedToken>,
    by_text: HashMap<String, u32>,
    raw: Option<Finder>,
    normalized: Option<Finder>,
}

impl AddedTokens {
    /// Compiles the tokens. `normalize` gives the form in which a normalised token is found.
    pub(crate) fn new(
        tokens: Vec<AddedToken>,
        normalize: impl Fn(&str) -> Result<String>,
    ) -> Result<Self> {
        let mut raw = (Vec::new(), Vec::new());
        let mut normalized = (Vec::new(), Vec::new());
        let mut by_text = HashMap::with_capacity(tokens.len());
        for (index, token) in tokens.iter().enumerate() {
            by_text.insert(token.text.clone(), token.id);
            let (side, form) = if token.normalized {
                (&mut normalized, normalize(&token.text)?)
            } else {
                (&mut raw, token.text.clone())
            };
            if !form.is_empty() {
                side.0.push(form);
                side.1.push(index);
            }
        }
        Ok(Self { tokens, by_text, raw: finder(raw)?, normalized: finder(normalized)? })
    }

    /// The id of an added token.
    pub(crate) fn id_of(&self, text: &str) -> Option<u32> {
        self.by_text.get(text).copied()
    }

    /// All of them, in the order of the file.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &AddedToken> {
        self.tokens.iter()
    }

    /// Cuts `text`, which begins at byte `base` of the whole text, into tokens and what lies
    /// between. The stretches cover the text in order.
    ///
    /// In the normalised phase a piece is looked at as a whole: where any break lies within its
    /// `original` bytes, no token is found in it.
    pub(crate) fn find(
        &self,
        phase: Phase,
        text: &str,
        original: Range<usize>,
        policy: SpecialPolicy<'_>,
    ) -> Vec<Stretch> {
        let finder = match phase {
            Phase::Raw => self.raw.as_ref(),
            Phase::Normalized => self.normalized.as_ref(),
        };
        let mut stretches = Vec::new();
        let (mut at, mut done) = (0, 0);
        while let Some(finder) = finder
            && let Some(found) = finder.automaton.find(Input::new(text).range(at..))
        {
            let (mut start, mut end) = (found.start(), found.end());
            let token = finder
                .tokens
                .get(found.pattern().as_usize())
                .and_then(|&index| self.tokens.get(index));
            let Some(token) = token else { break };
            at = end;
            if token.special && !policy.parse {
                continue;
            }
            let broken = match phase {
                Phase::Raw => policy.is_broken(original.start + start, original.start + end),
                Phase::Normalized => policy.is_broken(original.start, original.end),
            };
            if broken || policy.barred.contains(&token.text) {
                at = next_char(text, start);
                continue;
            }
            if token.single_word && !stands_alone(text, start, end) {
                continue;
            }
            if token.lstrip {
                start = text[..start].trim_end().len().max(done);
            }
            if token.rstrip {
                end = text.len() - text[end..].trim_start().len();
            }
            if done < start {
                stretches.push((done..start, None));
            }
            stretches.push((start..end, Some(token.id)));
            (at, done) = (end, end);
        }
        if done < text.len() {
            stretches.push((done..text.len(), None));
        }
        stretches
    }
}

/// Compiles one phase; `None` where it has no token.
fn finder((texts, tokens): (Vec<String>, Vec<usize>)) -> Result<Option<Finder>> {
    if texts.is_empty() {
        return Ok(None);
    }
    let automaton = AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(&texts)
        .map_err(|error| malformed("added tokens", error.to_string()))?;
    Ok(Some(Finder { automaton, tokens }))
}

/// The start of the character after the one at `at`.
fn next_char(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(text.len(), |c| at + c.len_utf8())
}

/// Whether no letter, digit or underscore touches `start..end`.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    !text[..start].chars().next_back().is_some_and(is_word)
        && !text[end..].chars().next().is_some_and(is_word)
}

/// The id as an index, held against the limit on ids.
pub(crate) fn id_in_range(id: u64) -> Result<u32> {
    let limit = crate::limits::VOCAB_SIZE_MAX;
    match u32::try_from(id) {
        Ok(small) if (small as usize) < limit => Ok(small),
        _ => Err(TokenizerError::TooLarge {
            what: "a token id",
            found: usize::try_from(id).unwrap_or(usize::MAX),
            limit: limit - 1,
        }),
    }
}
