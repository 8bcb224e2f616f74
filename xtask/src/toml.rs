//! The part of TOML in which the house's own tables are written.
//!
//! `[name]`, `[[name]]`, `key = "text"`, `key = 7`, `key = true`, `key = ["a", "b"]` over as many
//! lines as one likes, comments. Anything else is an error that names its line, never a guess.

use crate::Failure;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// `"text"`; the escapes `\"` and `\\` are known, no other.
    Text(String),
    /// `7`
    Number(i64),
    /// `true`
    Flag(bool),
    /// `["a", "b"]`
    List(Vec<String>),
}

/// A `[name]` or `[[name]]` with its keys; what stands before the first one has the name "".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The file it stands in.
    pub origin: String,
    /// The name in the brackets.
    pub name: String,
    /// The line of the brackets, counted from 1.
    pub line: usize,
    /// The keys, in order.
    pub entries: Vec<(String, Value)>,
}

impl Table {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// A text that must be there.
    pub fn text(&self, key: &str) -> Result<&str, Failure> {
        match self.get(key) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(self.wanted(key, "a text")),
        }
    }

    /// A number that must be there.
    pub fn number(&self, key: &str) -> Result<i64, Failure> {
        match self.get(key) {
            Some(Value::Number(number)) => Ok(*number),
            _ => Err(self.wanted(key, "a number")),
        }
    }

    /// A list that must be there.
    pub fn list(&self, key: &str) -> Result<&[String], Failure> {
        match self.get(key) {
            Some(Value::List(list)) => Ok(list),
            _ => Err(self.wanted(key, "a list of texts")),
        }
    }

    fn wanted(&self, key: &str, what: &str) -> Failure {
        let reason = format!("[{}] needs `{key}`, {what}", self.name);
        Failure::data(self.origin.clone(), self.line, reason)
    }
}

/// Reads the tables of a file; `origin` is its name in errors.
pub fn parse(origin: &str, text: &str) -> Result<Vec<Table>, Failure> {
    let table = |name: &str, line: usize| Table {
        origin: origin.to_owned(),
        name: name.to_owned(),
        line,
        entries: Vec::new(),
    };
    let mut done = Vec::new();
    let mut open = table("", 1);
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let number = index + 1;
        let fault = |reason: &str| Failure::data(origin, number, reason);
        let line = uncommented(line).trim();
        if line.is_empty() {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix("]]"))
                .or_else(|| rest.strip_suffix(']'))
                .ok_or_else(|| fault("a table's name stands in [..] or [[..]]"))?;
            done.push(std::mem::replace(&mut open, table(name.trim(), number)));
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| fault("expected `key = value`"))?;
        let mut value = value.trim().to_owned();
        while value.starts_with('[') && !closed(&value) {
            let (_, next) = lines.next().ok_or_else(|| fault("the list is never closed"))?;
            value.push(' ');
            value.push_str(uncommented(next).trim());
        }
        let value = read_value(&value).map_err(|reason| fault(&reason))?;
        open.entries.push((key.trim().to_owned(), value));
    }
    done.push(open);
    Ok(done)
}

/// The line without its comment. A `#` inside quotes is text.
fn uncommented(line: &str) -> &str {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '#' if !quoted => return line.get(..at).unwrap_or(line),
            _ => {}
        }
    }
    line
}

fn closed(list: &str) -> bool {
    let mut quoted = false;
    let mut escaped = false;
    for c in list.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return true,
            _ => {}
        }
    }
    false
}

fn read_value(text: &str) -> Result<Value, String> {
    if let Some(rest) = text.strip_prefix('[') {
        return read_list(rest).map(Value::List);
    }
    if text.starts_with('"') {
        let (value, rest) = read_text(text)?;
        return if rest.trim().is_empty() {
            Ok(Value::Text(value))
        } else {
            Err(format!("`{}` follows the text", rest.trim()))
        };
    }
    match text {
        "true" => Ok(Value::Flag(true)),
        "false" => Ok(Value::Flag(false)),
        _ => text.parse().map(Value::Number).map_err(|_| {
            format!("`{text}` is no text in quotes, no list of them, no number, true or false")
        }),
    }
}

fn read_list(mut rest: &str) -> Result<Vec<String>, String> {
    let mut list = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(end) = rest.strip_prefix(']') {
            return if end.trim().is_empty() {
                Ok(list)
            } else {
                Err(format!("`{}` follows the list", end.trim()))
            };
        }
        let (item, after) = read_text(rest)?;
        list.push(item);
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
        } else if !rest.starts_with(']') {
            return Err("expected `,` or `]` in the list".to_owned());
        }
    }
}

/// A text in quotes at the start, and what follows it.
fn read_text(text: &str) -> Result<(String, &str), String> {
    let body = text.strip_prefix('"').ok_or_else(|| format!("expected `\"` before `{text}`"))?;
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            '"' | '\\' if escaped => {
                value.push(c);
                escaped = false;
            }
            _ if escaped => return Err(format!("the escape `\\{c}` is not known here")),
            '\\' => escaped = true,
            '"' => return Ok((value, body.get(at + 1..).unwrap_or(""))),
            _ => value.push(c),
        }
    }
    Err("the text is never closed".to_owned())
}
