//! An `allow` or `expect` attribute says why.

use crate::{Complaint, Source};

/// `#[allow(..)]` and `#[expect(..)]` without `reason = ..`.
pub(super) fn check(source: &Source) -> Vec<Complaint> {
    let mut found = Vec::new();
    for word in ["allow", "expect"] {
        for at in source.words(word) {
            // `cfg_attr(x, allow(..))` is preceded by a comma; a call of a function of that name is
            // not an attribute.
            let in_attribute = match source.before(at) {
                Some(b'[') => true,
                Some(b',') => attribute_opens(source, at),
                _ => false,
            };
            let arguments = enclosed(source.after(at + word.len()));
            if in_attribute && arguments.is_some_and(|text| !text.contains("reason")) {
                let message = format!("`{word}` without a reason; add `reason = \"..\"` to it");
                found.push(Complaint::new(&source.path, source.line_of(at), "reason", message));
            }
        }
    }
    found
}

/// Whether the nearest `[` before the offset belongs to an attribute.
fn attribute_opens(source: &Source, at: usize) -> bool {
    let head = source.code.get(..at).unwrap_or_default();
    let Some(open) = head.rfind('[') else { return false };
    matches!(source.before(open), Some(b'#' | b'!'))
        && head.get(open..).is_some_and(|s| !s.contains(']'))
}

/// What the parentheses at the start enclose.
fn enclosed(text: &str) -> Option<&str> {
    let body = text.strip_prefix('(')?;
    let mut depth = 1usize;
    for (at, c) in body.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return body.get(..at);
        }
    }
    None
}
