//! What stands between the mark of a call and that of its arguments.

use pricket_core::NumberedCallId;

/// The id and the tool's name. Models put spaces and lines about it, and leave out `functions.` or
/// the number; `next` is the number then. `None` where no tool is named.
pub(super) fn read(header: &str, next: u64) -> Option<(String, String)> {
    let plain: String = header.chars().filter(|at| !at.is_whitespace()).collect();
    if let Some(id) = NumberedCallId::parse(&plain) {
        return Some((plain, id.name));
    }
    let bare = plain.strip_prefix("functions.");
    let (name, index) = match (bare, plain.rsplit_once(':')) {
        (Some(name), _) => (name, next),
        // Without a space and without a number it is an id of another form, and names nothing.
        (None, Some((name, index))) => (name, index.parse().ok()?),
        (None, None) => return None,
    };
    if name.is_empty() || name.starts_with(':') {
        return None;
    }
    let id = NumberedCallId { name: name.to_owned(), index };
    Some((id.to_string(), id.name))
}
