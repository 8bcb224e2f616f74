//! JSON in and out of templates. Out goes by the `tojson` filter: Python's `json.dumps`, byte for
//! byte.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, Value};
use serde_json::Value as Json;

use crate::limits::VALUE_DEPTH_MAX;

/// A JSON value as the template sees it; the order of keys is kept.
pub(super) fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => value_of_all(items),
        Json::Object(map) => {
            Value::from_pairs(map.iter().map(|(name, item)| (name.as_str(), value_of(item))))
        }
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
    }
}

/// A JSON array as the template sees it.
pub(super) fn value_of_all(items: &[Json]) -> Value {
    Value::from(items.iter().map(value_of).collect::<Vec<_>>())
}

/// How a value is written.
#[derive(Debug)]
struct Style {
    ensure_ascii: bool,
    sort_keys: bool,
    /// What one level is indented by; `None` puts everything on one line.
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
}

/// `tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`, as transformers
/// defines it: no HTML escapes, keys in their own order.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands a filter its arguments")]
pub(super) fn tojson(value: &Value, kwargs: Kwargs) -> Result<Value, Error> {
    let indent: Option<Value> = kwargs.get("indent")?;
    let indent = match indent.filter(|indent| !indent.is_none()) {
        None => None,
        Some(text) if text.as_str().is_some() => text.as_str().map(str::to_owned),
        Some(count) => {
            let count = count.as_usize().filter(|&count| count <= 64);
            Some(" ".repeat(count.ok_or_else(|| refuse("indent is no number up to 64"))?))
        }
    };
    let separators: Option<Value> = kwargs.get("separators")?;
    let (item_separator, key_separator) = match separators.filter(|pair| !pair.is_none()) {
        None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        None => (", ".to_owned(), ": ".to_owned()),
        Some(pair) => {
            let texts: Vec<Value> = pair.try_iter()?.take(3).collect();
            match texts.as_slice() {
                [item, key] => match (item.as_str(), key.as_str()) {
                    (Some(item), Some(key)) => (item.to_owned(), key.to_owned()),
                    _ => return Err(refuse("separators are no texts")),
                },
                _ => return Err(refuse("separators are not two")),
            }
        }
    };
    let style = Style {
        ensure_ascii: kwargs.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        sort_keys: kwargs.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        indent,
        item_separator,
        key_separator,
    };
    kwargs.assert_all_used()?;
    let mut out = String::new();
    write_value(&style, value, 0, &mut out)?;
    Ok(Value::from(out))
}

fn refuse(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("tojson: {why}"))
}

fn write_value(style: &Style, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
    if depth > VALUE_DEPTH_MAX {
        return Err(refuse("the value nests too deep"));
    }
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => write_number(value, out)?,
        ValueKind::String => write_string(style, value.as_str().unwrap_or_default(), out),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.map(|item| (None, item));
            write_items(style, ('[', ']'), items, depth, out)?;
        }
        ValueKind::Map => {
            let mut items = Vec::new();
            for key in value.try_iter()? {
                let item = value.get_item(&key)?;
                items.push((Some(key_text(&key)?), item));
            }
            if style.sort_keys {
                items.sort_by(|(a, _), (b, _)| a.cmp(b));
            }
            write_items(style, ('{', '}'), items.into_iter(), depth, out)?;
        }
        _ => return Err(refuse("the value is undefined or no JSON")),
    }
    Ok(())
}

/// Writes what stands between brackets.
fn write_items(
    style: &Style,
    (open, close): (char, char),
    items: impl Iterator<Item = (Option<String>, Value)>,
    depth: usize,
    out: &mut String,
) -> Result<(), Error> {
    let new_line = |depth: usize, out: &mut String| {
        if let Some(indent) = &style.indent {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
    };
    out.push(open);
    let mut is_empty = true;
    for (key, item) in items {
        if !is_empty {
            out.push_str(&style.item_separator);
        }
        is_empty = false;
        new_line(depth + 1, out);
        if let Some(key) = key {
            write_string(style, &key, out);
            out.push_str(&style.key_separator);
        }
        write_value(style, &item, depth + 1, out)?;
    }
    if !is_empty {
        new_line(depth, out);
    }
    out.push(close);
    Ok(())
}

/// A key as Python writes it: numbers, booleans and null become texts.
fn key_text(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::String => Ok(key.as_str().unwrap_or_default().to_owned()),
        ValueKind::Bool => Ok(if key.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Number => {
            let mut text = String::new();
            write_number(key, &mut text)?;
            Ok(text)
        }
        _ => Err(refuse("a key is no text")),
    }
}

/// Integers as they are; other numbers by the shortest digits that give them back, with an
/// exponent where Python's `repr` has one.
fn write_number(value: &Value, out: &mut String) -> Result<(), Error> {
    if value.is_integer() {
        out.push_str(&value.to_string());
        return Ok(());
    }
    let number = f64::try_from(value.clone())?;
    let size = number.abs();
    if number.is_nan() {
        out.push_str("NaN");
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 { "Infinity" } else { "-Infinity" });
    } else if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        // Writing to a String cannot fail.
        let _ = write!(out, "{digits}e{sign}{exponent:0>2}");
    } else {
        let start = out.len();
        let _ = write!(out, "{number}");
        if !out.get(start..).unwrap_or_default().contains('.') {
            out.push_str(".0");
        }
    }
    Ok(())
}

fn write_string(style: &Style, text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || (style.ensure_ascii && (c == '\u{7f}' || !c.is_ascii())) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
