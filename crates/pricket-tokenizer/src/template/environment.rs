//! The Jinja environment that transformers gives its templates.

use std::fmt;
use std::io;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Value};

use super::{Clock, json, source, strftime};
use crate::error::{Result, TokenizerError};
use crate::limits::{TEMPLATE_RECURSION_MAX, TEMPLATE_STEPS_MAX};

/// What a template said by `raise_exception`; the source of the engine's error.
#[derive(Debug)]
struct Raised(String);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

/// The environment: whitespace rules, Python's methods, filters and functions.
pub(super) fn new(clock: Clock) -> std::result::Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
    environment.set_syntax(syntax);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_recursion_limit(TEMPLATE_RECURSION_MAX);
    environment.set_fuel(Some(TEMPLATE_STEPS_MAX));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_filter("tojson", json::tojson);
    environment.add_filter(source::LOOPED, looped);
    environment.add_test("sequence", is_sequence);
    environment.add_function(
        "raise_exception",
        |message: String| -> std::result::Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message.clone())
                .with_source(Raised(message)))
        },
    );
    set_clock(&mut environment, clock);
    Ok(environment)
}

/// The characters of a text as a list, so that a loop over them knows how many there are: the
/// engine's own walk over a text does not.
#[derive(Debug)]
struct Characters(Vec<char>);

impl Object for Characters {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_usize()?).map(|c| Value::from(c.to_string()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }
}

/// Passes on what Python can loop over. Undefined values loop over nothing there too.
fn looped(value: Value) -> std::result::Result<Value, Error> {
    if value.is_none() || value.is_number() || value.kind() == ValueKind::Bool {
        let why = format!("a value of type {} cannot be looped over", value.kind());
        return Err(Error::new(ErrorKind::InvalidOperation, why));
    }
    if let Some(text) = value.as_str() {
        return Ok(Value::from_object(Characters(text.chars().collect())));
    }
    Ok(value)
}

/// Python's strings and dictionaries have a length and items, so Jinja calls them sequences.
fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::String | ValueKind::Map)
}

/// Gives `strftime_now` its time.
pub(super) fn set_clock(environment: &mut Environment<'static>, clock: Clock) {
    environment.add_function(
        "strftime_now",
        move |format: String| -> std::result::Result<String, Error> {
            strftime::format(&format, clock())
                .map_err(|why| Error::new(ErrorKind::InvalidOperation, why))
        },
    );
}

/// An error with its place.
pub(super) fn describe(error: &Error) -> String {
    match error.line() {
        Some(line) => format!("{error} (line {line})"),
        None => error.to_string(),
    }
}

/// The engine's error as ours.
pub(super) fn failure(error: &Error) -> TokenizerError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(Raised(message)) = cause.downcast_ref::<Raised>() {
            return TokenizerError::TemplateRaised { message: message.clone() };
        }
        source = cause.source();
    }
    TokenizerError::TemplateRender { why: describe(error) }
}

/// Takes a rendering up to a limit, so that a loop cannot fill the memory.
#[derive(Debug)]
pub(super) struct BoundedOutput {
    bytes: Vec<u8>,
    limit: usize,
}

impl BoundedOutput {
    /// An empty output.
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    /// What was written.
    pub(super) fn into_text(self) -> Result<String> {
        String::from_utf8(self.bytes)
            .map_err(|error| TokenizerError::TemplateRender { why: error.to_string() })
    }
}

impl io::Write for BoundedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::Error::other(format!("more than {} bytes are rendered", self.limit)));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
