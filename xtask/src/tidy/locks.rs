//! A lock says why it is off the token path.

use crate::{Complaint, Place, Source};

/// Locks that are declared without a comment `// lock: ..` right above.
///
/// Declared is a type in a field, a static, an alias or a signature, and a `let` or `static` that
/// makes one. An import, a reference to a lock and the value of a field are not asked again: the
/// field's own declaration has answered.
pub(super) fn check(source: &Source) -> Vec<Complaint> {
    if source.place() != Place::Product {
        return Vec::new();
    }
    let lines: Vec<(&str, &str)> = source.text.lines().zip(source.code.lines()).collect();
    let mut found = Vec::new();
    for word in ["Mutex", "RwLock", "Condvar"] {
        for at in source.words(word).filter(|at| declares(source, word, *at)) {
            let line = source.line_of(at);
            let message = format!(
                "a `{word}` without a comment `// lock: why it is off the token path` right above"
            );
            let complaint = Complaint::new(&source.path, line, "lock", message);
            if !argued(&lines, line, word) && !found.contains(&complaint) {
                found.push(complaint);
            }
        }
    }
    found
}

fn declares(source: &Source, word: &str, at: usize) -> bool {
    let code = source.code.as_bytes();
    let head = source.code.get(..at).unwrap_or_default();
    let start = statement_start(head);
    let statement = head.get(start..).unwrap_or_default().trim_start();
    let after = source.after(at + word.len());
    // Step over the path before the word: `std::sync::Mutex`.
    let path = head.bytes().rev().take_while(|byte| *byte == b':' || byte.is_ascii_alphanumeric());
    let before = path_head(head, path.count());
    if is_import(statement) || before.ends_with('&') || is_lifetime_reference(before) {
        return false;
    }
    let is_value = after.starts_with("::") && code.get(at + word.len()) == Some(&b':');
    if is_value {
        return ["let ", "static ", "const ", "pub static "]
            .iter()
            .any(|w| statement.starts_with(w))
            && !statement.contains(':');
    }
    true
}

fn path_head(head: &str, width: usize) -> &str {
    head.get(..head.len() - width).unwrap_or_default().trim_end()
}

/// `&'a ` before the word, with or without `mut`.
fn is_lifetime_reference(before: &str) -> bool {
    let before = before.strip_suffix("mut").unwrap_or(before).trim_end();
    match before.rfind(['&', ' ', '<', '(', ',']) {
        Some(at) => before.get(at..).is_some_and(|tail| tail == "&" || tail.starts_with("&'")),
        None => false,
    }
}

/// `use std::sync::{Arc, Mutex}`: the braces do not end the statement.
fn is_import(statement: &str) -> bool {
    let words = statement.strip_prefix("pub").map_or(statement, |rest| {
        let rest = rest.trim_start();
        rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, rest)| rest)
    });
    words.trim_start().starts_with("use ")
}

/// Where the statement, field or item around the end of `head` begins.
fn statement_start(head: &str) -> usize {
    let import = head.rfind("use ").filter(|at| !head.get(*at..).unwrap_or_default().contains(';'));
    if let Some(at) = import {
        let line = head.get(..at).unwrap_or_default().rfind('\n').map_or(0, |end| end + 1);
        return line;
    }
    head.rfind(['{', '}', ';']).map_or(0, |at| at + 1)
}

/// Whether the comment block right above the line has a line that begins with `// lock:`.
/// Attributes may stand between, and above a `Condvar` the `Mutex` that it waits with.
fn argued(lines: &[(&str, &str)], line: usize, word: &str) -> bool {
    let above = lines.get(..line.saturating_sub(1)).unwrap_or_default();
    for (text, code) in above.iter().rev() {
        let text = text.trim();
        if text.starts_with("// lock:") {
            return true;
        }
        let comment = code.trim().is_empty() && text.starts_with("//");
        let partner = word == "Condvar" && code.contains("Mutex<");
        if !comment && !partner && !text.starts_with("#[") {
            return false;
        }
    }
    false
}
