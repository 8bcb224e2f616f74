//! The guard against prompt injection: what content has of special tokens must not become one.
//!
//! Before rendering, every special token's text inside a value is broken by a sentinel, a Unicode
//! noncharacter that occurs nowhere in the request and the template. Where a value ends with the
//! beginning of a special token or begins with the end of one, a sentinel stands there too, so that
//! no token can form across the seam. The rendering of these values then shows, by its sentinels,
//! the positions that no special token may cross; without them it must equal the plain rendering.
//!
//! Where it does not (a template that compares or rewrites content), positions are unknown. Then
//! every special token that a value contains, or could help to form, is barred: it is text
//! everywhere in this rendering. That may cost the template's own tokens of the same kind and
//! never lets content have one.
//!
//! Added tokens that are not special in the vocabulary's file, but that the template itself writes
//! (role marks of `DeepSeek`, `<tool_response>`), are guarded in the same way in all values but the
//! assistant's messages: what a model wrote itself, `<think>` for one, it reads as it wrote it.
//!
//! What is not guarded: a template that itself makes a special token out of harmless content, by
//! deleting characters in it or changing their case. None of the known templates does.

use std::collections::HashSet;

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::{Map, Value as Json};

use super::Values;
use crate::error::{Result, TokenizerError, malformed};
use crate::limits::VALUE_DEPTH_MAX;
use crate::special::SpecialTokens;

/// The noncharacters that can be sentinels: never assigned, not whitespace, no case.
const SENTINELS: std::ops::RangeInclusive<char> = '\u{FDD0}'..='\u{FDEF}';

/// The tokens to guard against, prepared for searching.
#[derive(Debug)]
pub(super) struct Guard {
    /// For the assistant's messages.
    special: Tokens,
    /// For everything else: these and the template's own.
    all: Tokens,
}

/// Tokens and their parts.
#[derive(Debug)]
struct Tokens {
    texts: Vec<String>,
    automaton: Option<AhoCorasick>,
    /// Proper beginnings of tokens.
    heads: HashSet<String>,
    /// Proper ends of tokens.
    tails: HashSet<String>,
    /// The longest head or tail in bytes.
    longest: usize,
}

/// Values with sentinels in them.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) values: Values,
    sentinel: char,
    /// Whether any sentinel was put in.
    pub(super) is_changed: bool,
    /// Special tokens in values that are a single character and cannot be broken.
    pub(super) unbreakable: Vec<String>,
}

/// Finds a sentinel; `None` where the request uses all of them up.
pub(super) fn sentinel(values: &Values, source: &str) -> Option<char> {
    let mut used = HashSet::new();
    let mut note = |text: &str| used.extend(text.chars().filter(|c| SENTINELS.contains(c)));
    note(source);
    visit_all(values, &mut note);
    SENTINELS.clone().find(|c| !used.contains(c))
}

/// Takes the sentinels out and gives the positions where they stood.
pub(super) fn unmark(text: &str, marked: &Marked) -> (String, Vec<usize>) {
    let mut plain = String::with_capacity(text.len());
    let mut breaks = Vec::new();
    for part in text.split_inclusive(marked.sentinel) {
        if let Some(part) = part.strip_suffix(marked.sentinel) {
            plain.push_str(part);
            if breaks.last() != Some(&plain.len()) {
                breaks.push(plain.len());
            }
        } else {
            plain.push_str(part);
        }
    }
    (plain, breaks)
}

/// Holds a value's depth against the limit.
pub(super) fn depth_within(value: &Json, depth: usize) -> Result<()> {
    if depth > VALUE_DEPTH_MAX {
        return Err(TokenizerError::RenderRequest { why: "a value nests deeper than 128 levels" });
    }
    match value {
        Json::Array(items) => items.iter().try_for_each(|item| depth_within(item, depth + 1)),
        Json::Object(map) => map.values().try_for_each(|item| depth_within(item, depth + 1)),
        _ => Ok(()),
    }
}

impl Guard {
    /// Prepares the search for special tokens, and for added ones that `source` has.
    pub(super) fn new(special: &SpecialTokens, source: &str) -> Result<Self> {
        let written = special.added.iter().filter(|token| source.contains(token.as_str()));
        Ok(Self {
            special: Tokens::new(special.guarded.iter())?,
            all: Tokens::new(special.guarded.iter().chain(written))?,
        })
    }

    /// What a message is held against.
    fn for_message(&self, message: &Json) -> &Tokens {
        if message["role"] == "assistant" { &self.special } else { &self.all }
    }

    /// Puts the sentinel into all values, and into the names inside them.
    pub(super) fn mark(&self, values: &Values, sentinel: char) -> Marked {
        let mut marker =
            Marker { tokens: &self.all, sentinel, is_changed: false, unbreakable: vec![] };
        let mut messages = Vec::with_capacity(values.messages.len());
        for message in &values.messages {
            marker.tokens = self.for_message(message);
            messages.push(marker.value(message));
        }
        marker.tokens = &self.all;
        let tools = marker.value(&values.tools);
        let kwargs =
            values.kwargs.iter().map(|(name, value)| (name.clone(), marker.value(value))).collect();
        let Marker { is_changed, mut unbreakable, .. } = marker;
        unbreakable.sort_unstable();
        unbreakable.dedup();
        let values = Values { messages, tools, kwargs };
        Marked { values, sentinel, is_changed, unbreakable }
    }

    /// The tokens that a value contains, or with which one ends or begins.
    pub(super) fn contained(&self, values: &Values) -> Vec<String> {
        let mut found = HashSet::new();
        for message in &values.messages {
            visit(message, &mut |text| self.for_message(message).note(text, &mut found));
        }
        visit(&values.tools, &mut |text| self.all.note(text, &mut found));
        for value in values.kwargs.values() {
            visit(value, &mut |text| self.all.note(text, &mut found));
        }
        found.into_iter().map(str::to_owned).collect()
    }
}

impl Tokens {
    fn new<'t>(tokens: impl Iterator<Item = &'t String>) -> Result<Self> {
        let texts: Vec<String> = tokens.filter(|token| !token.is_empty()).cloned().collect();
        let automaton = if texts.is_empty() {
            None
        } else {
            let built = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&texts);
            Some(built.map_err(|error| malformed("special tokens", error.to_string()))?)
        };
        let (mut heads, mut tails) = (HashSet::new(), HashSet::new());
        for token in &texts {
            for (at, _) in token.char_indices().skip(1) {
                let (head, tail) = token.split_at(at);
                heads.insert(head.to_owned());
                tails.insert(tail.to_owned());
            }
        }
        let longest = texts.iter().map(String::len).max().unwrap_or(0);
        Ok(Self { texts, automaton, heads, tails, longest })
    }

    /// Notes the tokens that a text contains, or could help to form.
    fn note<'t>(&'t self, text: &str, found: &mut HashSet<&'t str>) {
        let heads: Vec<&str> = self.heads_at_end(text).collect();
        let tails: Vec<&str> = self.tails_at_start(text).collect();
        let mut inside = HashSet::new();
        if let Some(automaton) = &self.automaton {
            let hits = automaton.find_overlapping_iter(text);
            inside.extend(hits.map(|hit| hit.pattern().as_usize()));
        }
        for (index, token) in self.texts.iter().enumerate() {
            if inside.contains(&index)
                || heads.iter().any(|head| token.len() > head.len() && token.starts_with(head))
                || tails.iter().any(|tail| token.len() > tail.len() && token.ends_with(tail))
            {
                found.insert(token);
            }
        }
    }

    /// The ends of a text that are beginnings of special tokens.
    fn heads_at_end<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        text.char_indices()
            .rev()
            .map(|(at, _)| text.split_at(at).1)
            .take_while(|end| end.len() <= self.longest)
            .filter(|end| self.heads.contains(*end))
    }

    /// The beginnings of a text that are ends of special tokens.
    fn tails_at_start<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        text.char_indices()
            .map(|(at, c)| text.split_at(at + c.len_utf8()).0)
            .take_while(|start| start.len() <= self.longest)
            .filter(|start| self.tails.contains(*start))
    }
}

/// Puts sentinels into values.
struct Marker<'g> {
    tokens: &'g Tokens,
    sentinel: char,
    is_changed: bool,
    unbreakable: Vec<String>,
}

impl Marker<'_> {
    fn value(&mut self, value: &Json) -> Json {
        match value {
            Json::String(text) => Json::String(self.text(text)),
            Json::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Json::Object(map) => {
                let marked: Map<String, Json> =
                    map.iter().map(|(name, item)| (self.text(name), self.value(item))).collect();
                Json::Object(marked)
            }
            other => other.clone(),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let mut places: Vec<usize> = Vec::new();
        if let Some(automaton) = &self.tokens.automaton {
            for hit in automaton.find_overlapping_iter(text) {
                let token = text.get(hit.range()).unwrap_or_default();
                match token.char_indices().nth(1) {
                    Some((second, _)) => places.push(hit.start() + second),
                    None => self.unbreakable.push(token.to_owned()),
                }
            }
        }
        if self.tokens.tails_at_start(text).next().is_some() {
            places.push(0);
        }
        if self.tokens.heads_at_end(text).next().is_some() {
            places.push(text.len());
        }
        if places.is_empty() {
            return text.to_owned();
        }
        self.is_changed = true;
        places.sort_unstable();
        places.dedup();
        let mut marked = String::with_capacity(text.len() + 3 * places.len());
        let mut done = 0;
        for place in places {
            marked.push_str(text.get(done..place).unwrap_or_default());
            marked.push(self.sentinel);
            done = place;
        }
        marked.push_str(text.get(done..).unwrap_or_default());
        marked
    }
}

/// Shows every text in the values, names included.
fn visit_all(values: &Values, see: &mut impl FnMut(&str)) {
    values.messages.iter().for_each(|value| visit(value, see));
    visit(&values.tools, see);
    values.kwargs.values().for_each(|value| visit(value, see));
}

fn visit(value: &Json, see: &mut impl FnMut(&str)) {
    match value {
        Json::String(text) => see(text),
        Json::Array(items) => items.iter().for_each(|item| visit(item, see)),
        Json::Object(map) => {
            for (name, item) in map {
                see(name);
                visit(item, see);
            }
        }
        _ => {}
    }
}
