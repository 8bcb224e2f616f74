//! Addresses as they may be shown.

use std::borrow::Cow;

/// A text in which the user information of every address, `scheme://user:password@host`, is `***`:
/// settings and commands are shown, and pasted into reports. What it is about is the authority of
/// RFC 3986, section 3.2, which ends at `/`, `?`, `#` or a space.
pub fn without_userinfo(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#');
        let (authority, tail) = after.split_at(after.find(ends).unwrap_or(after.len()));
        let (mark, host) = authority.rsplit_once('@').map_or(("", authority), |(_, h)| ("***@", h));
        for part in [before, "://", mark, host] {
            shown.push_str(part);
        }
        rest = tail;
    }
    if shown.is_empty() {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}
