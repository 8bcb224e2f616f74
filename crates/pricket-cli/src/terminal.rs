//! The one place that writes: answers and data to stdout, notes and errors to stderr.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::error::CliError;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Stdout and stderr, and whether people look at them.
///
/// Stdout is written as it is, so that what a program reads is exactly what was meant. Stderr goes
/// through `anstream`, which takes colours away where `NO_COLOR` is set or nobody sees them.
#[derive(Debug)]
pub(crate) struct Terminal {
    out: io::Stdout,
    out_is_seen: bool,
    err: AutoStream<io::Stderr>,
    err_is_seen: bool,
}

impl Terminal {
    /// The process's own streams.
    pub(crate) fn new() -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let (out_is_seen, err_is_seen) = (out.is_terminal(), err.is_terminal());
        Self { out, out_is_seen, err: AutoStream::auto(err), err_is_seen }
    }

    /// Whether a person reads stdout.
    pub(crate) fn out_is_seen(&self) -> bool {
        self.out_is_seen
    }

    /// Whether a person reads stderr.
    pub(crate) fn err_is_seen(&self) -> bool {
        self.err_is_seen
    }

    /// Writes a piece of a model's text and shows it at once. On a terminal control characters
    /// become U+FFFD, because a model's text must not steer the terminal of its reader.
    pub(crate) fn piece(&mut self, text: &str) -> Result<(), CliError> {
        let shown = if self.out_is_seen { harmless(text) } else { Cow::Borrowed(text) };
        self.out.write_all(shown.as_bytes()).and_then(|()| self.out.flush())?;
        Ok(())
    }

    /// Writes a line to stdout.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), CliError> {
        writeln!(self.out, "{text}")?;
        Ok(())
    }

    /// Writes a value to stdout as JSON on one line, and shows it at once.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(value).map_err(io::Error::from)?;
        writeln!(self.out, "{text}").and_then(|()| self.out.flush())?;
        Ok(())
    }

    /// Writes a value to stdout as JSON over several lines.
    pub(crate) fn json_pretty(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
        self.line(text)
    }

    /// Writes a dim line to stderr. Where stderr is gone there is nobody to tell.
    pub(crate) fn note(&mut self, text: impl Display) {
        let _nobody_listens = writeln!(self.err, "{DIM}{text}{DIM:#}");
    }

    /// Tells why the program ends: a sentence, what led to it, and what to do about it.
    pub(crate) fn error(&mut self, error: &CliError) {
        let _nobody_listens = self.write_error(error);
    }

    fn write_error(&mut self, error: &CliError) -> io::Result<()> {
        let mut causes = error.causes();
        // Library errors often repeat their source; a cause already told is not told again.
        let mut told = error.to_string();
        writeln!(self.err, "{ERROR}error:{ERROR:#} {}", harmless(&told))?;
        causes.retain(|cause| {
            let new = !told.contains(cause.as_str());
            if new {
                told.push_str(cause);
            }
            new
        });
        for cause in causes {
            writeln!(self.err, "  because: {}", harmless(&cause))?;
        }
        if let Some(remedy) = error.remedy() {
            writeln!(self.err, "  {HELP}help:{HELP:#} {remedy}")?;
        }
        self.err.flush()
    }
}

/// A text that cannot steer a terminal: control characters but tab and newline become U+FFFD.
fn harmless(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.contains(steers) {
        Cow::Owned(text.replace(steers, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}
