//! How a signature is cut to pieces and spelled, whatever its formatting was.

/// The members of a struct's or enum's body, without attributes.
pub(super) fn members(body: &str) -> impl Iterator<Item = String> {
    let mut parts = Vec::new();
    let mut depth = 0usize;
    let mut start = 0;
    let mut previous = ' ';
    for (at, c) in body.char_indices() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '>' if previous != '-' && previous != '=' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(body.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
        previous = c;
    }
    parts.push(body.get(start..).unwrap_or_default());
    parts.into_iter().map(|part| spelled(without_attributes(part))).filter(|part| !part.is_empty())
}

fn without_attributes(mut part: &str) -> &str {
    part = part.trim_start();
    while let Some(inner) = part.strip_prefix("#[") {
        part = skip(inner, closing(inner, '[', ']') + 1).trim_start();
    }
    part
}

/// One space between words, none where line breaks made some, no trailing comma.
pub(super) fn spelled(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (from, to) in [("( ", "("), (" )", ")"), ("[ ", "["), (" ]", "]"), ("{ ", "{"), (" }", "}")]
    {
        line = line.replace(from, to);
    }
    for (from, to) in
        [(",)", ")"), (",]", "]"), (",}", "}"), ("< ", "<"), (",>", ">"), (" :: ", "::")]
    {
        line = line.replace(from, to);
    }
    line.trim_end_matches(',').trim_end().to_owned()
}

/// Where the bracket closes that was opened just before this text.
pub(super) fn closing(text: &str, open: char, close: char) -> usize {
    let mut depth = 1usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    text.len()
}

/// A text in two at an offset; past its end, all of it and nothing.
pub(super) fn split(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

pub(super) fn skip(text: &str, bytes: usize) -> &str {
    text.get(bytes..).unwrap_or_default()
}

/// Where the angle bracket closes that was opened just before this text.
pub(super) fn angle_end(text: &str) -> usize {
    let mut depth = 1usize;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if previous != '-' && previous != '=' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
        previous = c;
    }
    text.len()
}
