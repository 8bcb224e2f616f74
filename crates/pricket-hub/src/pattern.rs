//! What a rule's pattern fits, and what it captures.

use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::glob::stars;
use crate::limits::{PATTERN_BYTES_MAX, REGEX_BYTES_MAX, REGEX_DEPTH_MAX};

/// Which names a rule is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pattern {
    /// One name, whatever its case.
    Exact(String),
    /// Names with a `*` for any run of characters, whatever their case. The target calls what the
    /// first star stands for `$1`.
    Glob(String),
    /// Names that a regular expression fits from end to end, in the syntax of the crate `regex`;
    /// `(?i)` in front makes case not count. The target calls its groups `$1` and `${name}`.
    Regex(String),
}

impl Pattern {
    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Glob(text) | Self::Regex(text) => text,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Exact(_) => "name",
            Self::Glob(_) => "glob",
            Self::Regex(_) => "regex",
        };
        write!(f, "{kind} `{}`", self.text())
    }
}

/// A pattern, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) enum Matcher {
    /// In lower case.
    Exact(String),
    /// In lower case.
    Glob(String),
    Regex(Regex),
}

impl Matcher {
    /// Errors: the rule that the pattern breaks.
    pub(crate) fn new(pattern: &Pattern) -> Result<Self, String> {
        let text = pattern.text();
        if text.is_empty() || text.len() > PATTERN_BYTES_MAX {
            return Err(format!("a pattern has 1 to {PATTERN_BYTES_MAX} bytes"));
        }
        Ok(match pattern {
            Pattern::Exact(name) => Self::Exact(name.to_ascii_lowercase()),
            Pattern::Glob(glob) => Self::Glob(glob.to_ascii_lowercase()),
            Pattern::Regex(regex) => {
                // Alone first: `a)|(b` is no expression, though it would be one between brackets.
                compile(regex)?;
                Self::Regex(compile(&format!(r"\A(?:{regex})\z"))?)
            }
        })
    }

    /// How many groups there are beside the whole name, `$0`.
    pub(crate) fn groups(&self) -> usize {
        match self {
            Self::Exact(_) => 0,
            Self::Glob(glob) => glob.matches('*').count(),
            Self::Regex(regex) => regex.captures_len() - 1,
        }
    }

    /// The number of a named group.
    pub(crate) fn group_named(&self, name: &str) -> Option<usize> {
        match self {
            Self::Regex(regex) => regex.capture_names().position(|group| group == Some(name)),
            _ => None,
        }
    }

    /// What the groups captured, `$0` first; a group that took no part is empty. `None` where the
    /// pattern does not fit.
    pub(crate) fn captures<'t>(&self, name: &'t str) -> Option<Vec<&'t str>> {
        match self {
            Self::Exact(exact) => name.eq_ignore_ascii_case(exact).then(|| vec![name]),
            Self::Glob(glob) => {
                // Lower case in ASCII moves no byte, so the ranges are those of the name.
                let ranges = stars(glob, &name.to_ascii_lowercase())?;
                let parts = ranges.into_iter().map(|range| name.get(range).unwrap_or_default());
                Some(std::iter::once(name).chain(parts).collect())
            }
            Self::Regex(regex) => {
                let groups = regex.captures(name)?;
                Some(groups.iter().map(|group| group.map_or("", |g| g.as_str())).collect())
            }
        }
    }
}

fn compile(regex: &str) -> Result<Regex, String> {
    RegexBuilder::new(regex)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .nest_limit(REGEX_DEPTH_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                format!("the regex needs more than {REGEX_BYTES_MAX} bytes")
            }
            // The last line of a syntax error says what it is; those above draw where.
            other => {
                let told = other.to_string();
                let last = told.lines().last().unwrap_or_default();
                format!("the regex is malformed: {}", last.trim_start_matches("error: "))
            }
        })
}
