//! The name that was meant by a mistyped one.

use std::fmt::Display;

use crate::limits::SUGGESTION_CHARS_MAX;

/// One typo in this many characters is still the same word.
const CHARS_PER_TYPO: usize = 3;

/// The candidate that is nearest to a name, and within one typo in three of its characters. Typos
/// are counted by optimal string alignment: insertions, deletions, substitutions and swaps of
/// neighbours.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let chars = name.chars().count();
    if chars > SUGGESTION_CHARS_MAX {
        return None;
    }
    let near = candidates.into_iter().map(|known| (strsim::osa_distance(name, known), known));
    let near = near.filter(|&(typos, _)| typos <= chars.div_ceil(CHARS_PER_TYPO));
    near.min_by_key(|&(typos, _)| typos).map(|(_, known)| known)
}

/// Words to put behind a sentence; none where nothing is meant.
pub(super) fn did_you_mean(meant: Option<impl Display>) -> String {
    meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}
