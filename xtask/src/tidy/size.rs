//! Files that fit a head, a facade that cannot grow, lines that fit a screen.

use crate::{Complaint, Place, Source, Tree};

const FILE_LINES_MAX: usize = 400;
const FILE_LINES_WARN: usize = 300;
const FACADE: &str = "crates/pricket/src/";
const FACADE_LINES_MAX: usize = 60;
const LINE_CHARS_MAX: usize = 100;

/// Long files and lines, and a facade with code in it.
pub(super) fn check(source: &Source) -> Vec<Complaint> {
    let mut found = wide_lines(source);
    let lines = source.text.lines().count();
    if source.place() == Place::Product && lines > FILE_LINES_MAX {
        let message = format!("{lines} lines, {FILE_LINES_MAX} at most; split it by nouns");
        found.push(Complaint::new(&source.path, 0, "size", message));
    }
    if source.path.starts_with(FACADE) {
        found.extend(facade(source, lines));
    }
    found
}

/// Product files on their way to the limit.
pub(super) fn swelling(tree: &Tree) -> impl Iterator<Item = (&str, usize)> {
    let counted = tree
        .sources
        .iter()
        .filter(|source| source.place() == Place::Product)
        .map(|source| (source.path.as_str(), source.text.lines().count()));
    counted.filter(|(_, lines)| (FILE_LINES_WARN + 1..=FILE_LINES_MAX).contains(lines))
}

fn facade(source: &Source, lines: usize) -> Vec<Complaint> {
    let mut found = Vec::new();
    if lines > FACADE_LINES_MAX {
        let message = format!("{lines} lines in the facade, {FACADE_LINES_MAX} at most");
        found.push(Complaint::new(&source.path, 0, "facade", message));
    }
    for word in ["fn", "struct", "enum", "trait", "impl", "macro_rules"] {
        for at in source.words(word) {
            let message = format!("`{word}` in the facade; it re-exports, code has its own crate");
            found.push(Complaint::new(&source.path, source.line_of(at), "facade", message));
        }
    }
    found
}

/// rustfmt keeps code within the width; comments and texts are ours. A text in a test may be as
/// wide as what it quotes, and a raw text (a regular expression) or an address cannot be broken.
fn wide_lines(source: &Source) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let width = line.chars().count();
        let quoted = source.place() == Place::Proof && line.contains('"');
        let whole = ["r\"", "r#\"", "://"].iter().any(|mark| line.contains(mark));
        if width > LINE_CHARS_MAX && !quoted && !whole {
            let message = format!("{width} columns, {LINE_CHARS_MAX} at most");
            found.push(Complaint::new(&source.path, index + 1, "width", message));
        }
    }
    found
}
