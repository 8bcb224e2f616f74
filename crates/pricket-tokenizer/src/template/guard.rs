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
//! What is not guarded: a template that itself makes a special token out of harmless content, by
//! deleting characters in it or changing their case. None of the known templates does.

use std::collections::HashSet;

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::{Map, Value as Json};

use super::Values;
use crate::error::{Result, TokenizerError, malformed};
use crate::limits::VALUE_DEPTH_MAX;

/// The noncharacters that can be sentinels: never assigned, not whitespace, no case.
const SENTINELS: std::ops::RangeInclusive<char> = '\u{FDD0}'..='\u{FDEF}';

/// The special tokens, prepared for searching.
#[derive(Debug)]
pub(super) struct Guard {
    tokens: Vec<String>,
    automaton: Option<AhoCorasick>,
    /// Proper beginnings of special tokens.
    heads: HashSet<String>,
    /// Proper ends of special tokens.
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
    /// Prepares the search for these special tokens.
    pub(super) fn new(tokens: &[String]) -> Result<Self> {
        let tokens: Vec<String> =
            tokens.iter().filter(|token| !token.is_empty()).cloned().collect();
        let automaton = if tokens.is_empty() {
            None
        } else {
            let built = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&tokens);
            Some(built.map_err(|error| malformed("special tokens", error.to_string()))?)
        };
        let (mut heads, mut tails) = (HashSet::new(), HashSet::new());
        for token in &tokens {
            for (at, _) in token.char_indices().skip(1) {
                let (head, tail) = token.split_at(at);
                heads.insert(head.to_owned());
                tails.insert(tail.to_owned());
            }
        }
        let longest = tokens.iter().map(String::len).max().unwrap_or(0);
        Ok(Self { tokens, automaton, heads, tails, longest })
    }

    /// Puts the sentinel into all values, and into the names inside them.
    pub(super) fn mark(&self, values: &Values, sentinel: char) -> Marked {
        let mut marker = Marker { guard: self, sentinel, is_changed: false, unbreakable: vec![] };
        let messages = values.messages.iter().map(|value| marker.value(value)).collect();
        let tools = marker.value(&values.tools);
        let kwargs =
            values.kwargs.iter().map(|(name, value)| (name.clone(), marker.value(value))).collect();
        let Marker { is_changed, mut unbreakable, .. } = marker;
        unbreakable.sort_unstable();
        unbreakable.dedup();
        let values = Values { messages, tools, kwargs };
        Marked { values, sentinel, is_changed, unbreakable }
    }

    /// The special tokens that a value contains, or with which one ends or begins.
    pub(super) fn contained(&self, values: &Values) -> Vec<String> {
        let mut found = HashSet::new();
        visit_all(values, &mut |text| {
            if let Some(automaton) = &self.automaton {
                for hit in automaton.find_overlapping_iter(text) {
                    found.insert(hit.pattern().as_usize());
                }
            }
            let heads: Vec<&str> = self.heads_at_end(text).collect();
            let tails: Vec<&str> = self.tails_at_start(text).collect();
            for (index, token) in self.tokens.iter().enumerate() {
                if heads.iter().any(|head| token.len() > head.len() && token.starts_with(head))
                    || tails.iter().any(|tail| token.len() > tail.len() && token.ends_with(tail))
                {
                    found.insert(index);
                }
            }
        });
        found.into_iter().filter_map(|index| self.tokens.get(index)).cloned().collect()
    }

    /// The ends of a text that are beginnings of special tokens.
    fn heads_at_end<'t>(&'t self, text: &'t str) -> impl Iterator<Item = &'t str> {
        text.char_indices()
            .rev()
            .map(|(at, _)| text.split_at(at).1)
            .take_while(|end| end.len() <= self.longest)
            .filter(|end| self.heads.contains(*end))
    }

    /// The beginnings of a text that are ends of special tokens.
    fn tails_at_start<'t>(&'t self, text: &'t str) -> impl Iterator<Item = &'t str> {
        text.char_indices()
            .map(|(at, c)| text.split_at(at + c.len_utf8()).0)
            .take_while(|start| start.len() <= self.longest)
            .filter(|start| self.tails.contains(*start))
    }
}

/// Puts sentinels into values.
struct Marker<'g> {
    guard: &'g Guard,
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
        if let Some(automaton) = &self.guard.automaton {
            for hit in automaton.find_overlapping_iter(text) {
                let token = text.get(hit.range()).unwrap_or_default();
                match token.char_indices().nth(1) {
                    Some((second, _)) => places.push(hit.start() + second),
                    None => self.unbreakable.push(token.to_owned()),
                }
            }
        }
        if self.guard.tails_at_start(text).next().is_some() {
            places.push(0);
        }
        if self.guard.heads_at_end(text).next().is_some() {
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
