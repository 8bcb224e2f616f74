//! Patterns in which `*` stands for any run of characters, the empty one included.

use std::ops::Range;

/// The byte ranges that the stars of `pattern` stand for in `text`, or `None` where it does not
/// fit. Each star but the last takes as little as it can; the last takes what is left. Every piece
/// between two stars is looked for once, from the left, so no pattern takes more than the product
/// of both lengths.
pub(crate) fn stars(pattern: &str, text: &str) -> Option<Vec<Range<usize>>> {
    let Some((head, rest)) = pattern.split_once('*') else {
        return (pattern == text).then(Vec::new);
    };
    let mut left = text.strip_prefix(head)?;
    let mut stars = Vec::new();
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        let start = text.len() - left.len();
        if pieces.peek().is_none() {
            let star = left.strip_suffix(piece)?;
            stars.push(start..start + star.len());
            return Some(stars);
        }
        let (star, after) = left.split_once(piece)?;
        stars.push(start..start + star.len());
        left = after;
    }
    Some(stars)
}
