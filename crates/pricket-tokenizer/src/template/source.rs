//! What a template's source needs before the engine compiles it.
//!
//! - `{% generation %}` blocks, with which transformers finds the assistant's tokens for training,
//!   change nothing in the text; `{% with %}` has the same scope.
//! - A loop over `none` is an error in Python, and an empty loop in the engine: the looped value
//!   goes through a filter that refuses it.

/// The name of that filter.
pub(super) const LOOPED: &str = "pricket_looped";

/// Rewrites a source; what is no tag stays as it is, and so does what cannot be told apart.
pub(super) fn prepare(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 64);
    let mut rest = source;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let (len, is_tag) = match from.get(..2) {
            Some("{{") => (end_of(from, "}}"), false),
            Some("{%") => (end_of(from, "%}"), true),
            Some("{#") => (from.find("#}").map(|at| at + 2), false),
            _ => (Some(1), false),
        };
        let Some(len) = len else {
            rest = from;
            break;
        };
        let (part, after) = from.split_at(len);
        rest = after;
        if is_tag {
            push_tag(part, &mut out);
            if word(part) == "raw" {
                // Up to the tag that ends it nothing is a tag.
                let end = raw_end(rest);
                let (raw, after) = rest.split_at(end);
                out.push_str(raw);
                rest = after;
            }
        } else {
            out.push_str(part);
        }
    }
    out.push_str(rest);
    out
}

/// The end of a tag or an expression, past its closing mark; strings may contain the mark.
fn end_of(from: &str, mark: &str) -> Option<usize> {
    let mut quote = None;
    let mut chars = from.char_indices().skip(2);
    while let Some((at, c)) = chars.next() {
        match quote {
            Some(_) if c == '\\' => drop(chars.next()),
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if from.get(at..).is_some_and(|rest| rest.starts_with(mark)) => {
                return Some(at + mark.len());
            }
            _ => {}
        }
    }
    None
}

/// Where the `endraw` tag begins.
fn raw_end(rest: &str) -> usize {
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|tail| tail.find("{%")) {
        let start = from + at;
        if word(rest.get(start..).unwrap_or_default()) == "endraw" {
            return start;
        }
        from = start + 2;
    }
    rest.len()
}

/// The first word of a tag.
fn word(tag: &str) -> &str {
    let inner = tag.trim_start_matches("{%").trim_start_matches(['-', '+']).trim_start();
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    inner.get(..end).unwrap_or_default()
}

/// Writes a tag, rewritten where it is one of those above.
fn push_tag(tag: &str, out: &mut String) {
    match word(tag) {
        "generation" => out.push_str(&tag.replacen("generation", "with", 1)),
        "endgeneration" => out.push_str(&tag.replacen("endgeneration", "endwith", 1)),
        "for" => match looped(tag) {
            Some((start, end)) => {
                let (before, rest) = tag.split_at(start);
                let (value, after) = rest.split_at(end - start);
                out.push_str(before);
                out.push('(');
                out.push_str(value.trim());
                out.push_str(")|");
                out.push_str(LOOPED);
                out.push(' ');
                out.push_str(after);
            }
            None => out.push_str(tag),
        },
        _ => out.push_str(tag),
    }
}

/// Where the looped value of a `for` tag stands: behind ` in `, up to ` if `, ` recursive` or the
/// end of the tag, none of them in brackets or strings.
fn looped(tag: &str) -> Option<(usize, usize)> {
    let (mut depth, mut quote, mut start) = (0i32, None, None);
    let mut chars = tag.char_indices();
    while let Some((at, c)) = chars.next() {
        let rest = tag.get(at..).unwrap_or_default();
        let begins = |name: &str| {
            rest.get(1..)
                .and_then(|rest| rest.strip_prefix(name))
                .is_some_and(|rest| rest.starts_with(|c: char| !c.is_alphanumeric() && c != '_'))
        };
        match quote {
            Some(_) if c == '\\' => drop(chars.next()),
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if "([{".contains(c) && at > 0 => depth += 1,
            None if ")]}".contains(c) => depth -= 1,
            None if depth != 0 => {}
            None if c.is_whitespace() && start.is_none() && begins("in") => start = Some(at + 3),
            None if c.is_whitespace() && (begins("if") || begins("recursive")) => {
                return start.map(|start| (start, at));
            }
            _ => {}
        }
        if quote.is_none() && ["-%}", "+%}", "%}"].iter().any(|mark| rest.starts_with(mark)) {
            return start.map(|start| (start, at)).filter(|(start, end)| start < end);
        }
    }
    None
}
