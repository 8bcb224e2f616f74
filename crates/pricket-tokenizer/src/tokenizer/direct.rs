//! The way of most vocabularies from text to ids: a few changes, a split, byte-pair encoding, all
//! without the bookkeeping of places that general tokenizers need.

use std::borrow::Cow;

use tokenizers::normalizers::unicode::NFC;
use tokenizers::{NormalizedString, Normalizer};

use super::added::{AddedTokens, Phase, SpecialPolicy};
use super::decoding::SPACE_MARK;
use super::pairs::{Pairs, Scratch};
use super::sink::Sink;
use super::splitter::Splitter;
use crate::error::{Result, TokenizerError};

/// A change of the text between added tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Unicode's form NFC.
    Nfc,
    /// A text in front, unless there is none behind it.
    Prepend(String),
    /// One text in the place of another.
    Replace { from: String, to: String },
}

/// How spaces become marks, behind the changes and the search for added tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marking {
    /// They do not.
    None,
    /// They do, and nothing else.
    Spaces,
    /// They do, and the text begins with one.
    First,
    /// They do, and every stretch between added tokens begins with one.
    Always,
}

/// What a text is made of.
#[derive(Debug, Clone, Copy)]
enum Part<'t> {
    /// An added token.
    Token(u32),
    /// A word to be merged.
    Word(&'t str),
}

/// A vocabulary with its changes and its splitting.
#[derive(Debug)]
pub(crate) struct Direct {
    pub(crate) changes: Vec<Change>,
    pub(crate) marking: Marking,
    pub(crate) splitter: Splitter,
    pub(crate) pairs: Pairs,
}

impl Direct {
    /// Gives out the ids of a text.
    pub(crate) fn encode(
        &self,
        added: &AddedTokens,
        text: &str,
        policy: SpecialPolicy<'_>,
        out: &mut dyn Sink,
    ) -> Result<()> {
        let mut scratch = Scratch::default();
        self.visit(added, text, policy, &mut |part| match part {
            Part::Token(id) => out.put(&[id]),
            Part::Word(word) => self.pairs.encode(word, &mut scratch, out),
        })
    }

    /// The words of a text, without its added tokens.
    pub(crate) fn words(
        &self,
        added: &AddedTokens,
        text: &str,
        policy: SpecialPolicy<'_>,
    ) -> Result<Vec<String>> {
        let mut words = Vec::new();
        self.visit(added, text, policy, &mut |part| match part {
            Part::Token(_) => {}
            Part::Word(word) => words.push(word.to_owned()),
        })?;
        Ok(words)
    }

    fn visit(
        &self,
        added: &AddedTokens,
        text: &str,
        policy: SpecialPolicy<'_>,
        see: &mut dyn FnMut(Part<'_>),
    ) -> Result<()> {
        for (place, id) in added.find(Phase::Raw, text, 0..text.len(), policy) {
            if let Some(id) = id {
                see(Part::Token(id));
                continue;
            }
            let stretch = self.changed(&text[place.clone()])?;
            for (part, id) in added.find(Phase::Normalized, &stretch, place.clone(), policy) {
                if let Some(id) = id {
                    see(Part::Token(id));
                    continue;
                }
                let is_first = place.start == 0 && part.start == 0;
                let marked = self.marked(&stretch[part], is_first);
                self.splitter.words(&marked, &mut |word| see(Part::Word(word)));
            }
        }
        Ok(())
    }

    fn changed<'t>(&self, text: &'t str) -> Result<Cow<'t, str>> {
        let mut text = Cow::Borrowed(text);
        for change in &self.changes {
            match change {
                Change::Nfc if text.is_ascii() => {}
                Change::Nfc => text = Cow::Owned(composed(&text)?),
                Change::Prepend(_) if text.is_empty() => {}
                Change::Prepend(front) => text.to_mut().insert_str(0, front),
                Change::Replace { from, to } if text.contains(from.as_str()) => {
                    text = Cow::Owned(text.replace(from, to));
                }
                Change::Replace { .. } => {}
            }
        }
        Ok(text)
    }

    fn marked<'t>(&self, text: &'t str, is_first: bool) -> Cow<'t, str> {
        let begins = match self.marking {
            Marking::None => return Cow::Borrowed(text),
            Marking::Spaces => false,
            Marking::First => is_first,
            Marking::Always => true,
        };
        let mut marked = String::with_capacity(text.len() + text.len() / 2 + 3);
        if begins && !text.starts_with([' ', SPACE_MARK]) {
            marked.push(SPACE_MARK);
        }
        marked.extend(text.chars().map(|c| if c == ' ' { SPACE_MARK } else { c }));
        Cow::Owned(marked)
    }
}

/// A text in the form NFC. Nothing composes across two neighbouring ASCII characters, so only the
/// stretches around others are looked at.
fn composed(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(foreign) = rest.find(|c: char| !c.is_ascii()) {
        // The character before it may take a mark.
        let (plain, from) = rest.split_at(foreign.saturating_sub(1));
        out.push_str(plain);
        let end = from
            .char_indices()
            .skip(2)
            .find(|&(at, c)| c.is_ascii() && from.as_bytes().get(at - 1).is_some_and(u8::is_ascii))
            .map_or(from.len(), |(at, _)| at);
        let (stretch, after) = from.split_at(end);
        let mut form = NormalizedString::from(stretch);
        NFC.normalize(&mut form)
            .map_err(|error| TokenizerError::Encode { why: error.to_string() })?;
        out.push_str(form.get());
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
