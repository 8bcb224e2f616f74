//! The `pub` items of a file, a line each, in a spelling that formatting does not change.
//!
//! It walks items, not expressions: a body is skipped by its braces. What a macro writes is not
//! seen, and neither are trait implementations.

use super::spelling::{angle_end, closing, members, skip, spelled, split};
use crate::Source;

/// Inline modules and impls do not nest deeper than this.
const DEPTH_MAX: usize = 32;

/// The `pub` items of a file, each as `module: signature`; members stand under their type.
pub fn public_items(module: &str, source: &Source) -> Vec<String> {
    let mut lines = Vec::new();
    walk(&source.code, module, Inside::Module, 0, &mut lines);
    lines
}

/// Whose items are walked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Module,
    Impl,
    /// Everything in a public trait is public.
    Trait,
}

fn walk(code: &str, scope: &str, inside: Inside, depth: usize, lines: &mut Vec<String>) {
    if depth > DEPTH_MAX {
        return;
    }
    let mut rest = code;
    let mut exported = false;
    while let Some(found) = Item::next(rest) {
        rest = found.rest;
        if let Some(attribute) = found.attribute {
            exported |= attribute.contains("macro_export");
            continue;
        }
        record(&found, scope, inside, exported, depth, lines);
        exported = false;
    }
}

fn record(
    item: &Item<'_>,
    scope: &str,
    inside: Inside,
    exported: bool,
    depth: usize,
    lines: &mut Vec<String>,
) {
    let head = spelled(item.head);
    let public = inside == Inside::Trait || head.starts_with("pub ");
    let bare = visibility_free(&head);
    let (kind, name) = kind_and_name(bare);
    let below =
        |name: &str| if scope == "crate" { name.to_owned() } else { format!("{scope}::{name}") };
    match kind {
        "impl" if !is_trait_impl(bare) => {
            walk(item.body, &below(&implementor(bare)), Inside::Impl, depth + 1, lines);
        }
        "mod" => walk(item.body, &below(name), Inside::Module, depth + 1, lines),
        "macro_rules" if exported => lines.push(format!("{scope}: macro_rules! {name}")),
        "trait" if public => {
            lines.push(format!("{scope}: {head}"));
            walk(item.body, &below(name), Inside::Trait, depth + 1, lines);
        }
        "struct" | "union" if public => {
            lines.push(format!("{scope}: {}", public_fields_only(&head)));
            for field in members(item.body).filter(|field| field.starts_with("pub ")) {
                lines.push(format!("{}: {field}", below(name)));
            }
        }
        "enum" if public => {
            lines.push(format!("{scope}: {head}"));
            for variant in members(item.body) {
                lines.push(format!("{}: {variant}", below(name)));
            }
        }
        "fn" | "type" | "const" | "static" | "use" if public => {
            lines.push(format!("{scope}: {head}"));
        }
        _ => {}
    }
}

/// A piece of a list of items: an attribute, or an item's head and body.
struct Item<'a> {
    attribute: Option<&'a str>,
    head: &'a str,
    body: &'a str,
    rest: &'a str,
}

impl<'a> Item<'a> {
    fn next(code: &'a str) -> Option<Self> {
        let code = code.trim_start();
        let opened = code.strip_prefix("#[").or_else(|| code.strip_prefix("#!["));
        if let Some(inner) = opened {
            let end = closing(inner, '[', ']');
            let (attribute, rest) = split(inner, end);
            return Some(Self {
                attribute: Some(attribute),
                head: "",
                body: "",
                rest: skip(rest, 1),
            });
        }
        if code.is_empty() {
            return None;
        }
        let plain = visibility_free(code);
        let import = plain.starts_with("use ");
        let value = plain.starts_with("static ")
            || (plain.starts_with("const ") && !plain.starts_with("const fn"));
        let stop = head_end(code, import, value);
        let (head, rest) = split(code, stop);
        match rest.chars().next() {
            Some('{') => {
                let inner = skip(rest, 1);
                let (body, after) = split(inner, closing(inner, '{', '}'));
                Some(Self { attribute: None, head, body, rest: skip(after, 1) })
            }
            Some('=') => {
                let end = statement_end(rest);
                Some(Self { attribute: None, head, body: "", rest: skip(split(rest, end).1, 1) })
            }
            _ => Some(Self { attribute: None, head, body: "", rest: skip(rest, 1) }),
        }
    }
}

/// Where an item's head ends: at its body, its value or its semicolon.
fn head_end(code: &str, import: bool, value: bool) -> usize {
    let mut depth = 0usize;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return at,
            '{' if depth == 0 && !import => return at,
            '=' if depth == 0 && value => return at,
            _ => {}
        }
    }
    code.len()
}

/// Where the semicolon of a value stands, past all braces.
fn statement_end(code: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return at,
            _ => {}
        }
    }
    code.len()
}

/// The text without `pub` or `pub(..)` before it.
fn visibility_free(head: &str) -> &str {
    let Some(rest) = head.strip_prefix("pub") else { return head };
    match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((_, rest)) => rest.trim_start(),
        None if rest.starts_with(char::is_whitespace) => rest.trim_start(),
        None => head,
    }
}

fn kind_and_name(head: &str) -> (&str, &str) {
    const KINDS: [&str; 10] =
        ["fn", "struct", "union", "enum", "trait", "type", "static", "use", "mod", "impl"];
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut words = head.split(|c: char| !is_name(c)).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        let value = word == "const" && !matches!(words.peek(), Some(&("fn" | "unsafe" | "async")));
        if KINDS.contains(&word) || word == "macro_rules" || value {
            return (word, words.next().unwrap_or_default());
        }
        if !["const", "default", "extern", "async"].contains(&word) {
            break;
        }
    }
    ("", "")
}

/// Whether the head has a `for` that is no `for<'a>`.
fn is_trait_impl(head: &str) -> bool {
    head.contains(" for ")
}

/// The type of an inherent impl: the first name after the parameters.
fn implementor(head: &str) -> String {
    let rest = head.strip_prefix("impl").unwrap_or(head);
    let rest = match rest.strip_prefix('<') {
        Some(parameters) => skip(parameters, angle_end(parameters) + 1),
        None => rest,
    };
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    split(rest, end.unwrap_or(rest.len())).0.to_owned()
}

/// `pub struct X(u8, pub u16)` keeps its shape and hides what is private.
fn public_fields_only(head: &str) -> String {
    let Some((before, fields)) = head.split_once('(') else { return head.to_owned() };
    if before.contains(" where ") || before.contains('<') && !before.contains('>') {
        return head.to_owned();
    }
    let (fields, after) = split(fields, closing(fields, '(', ')'));
    let shown: Vec<String> = members(fields)
        .map(|field| if field.starts_with("pub ") { field } else { "_".to_owned() })
        .collect();
    format!("{before}({}{after}", shown.join(", "))
}
