//! `pricket inspect --verify`: whether a model's files are those that were pulled.

use pricket::core::ErrorReport;
use pricket::hub::{Hub, PromisedFile};
use serde::Serialize;

use crate::args::InspectArgs;
use crate::config::Config;
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::progress::ProgressDisplay;
use crate::terminal::Terminal;
use crate::{locate, table};

/// The code of the error that a file is another than it should be.
const DIFFERS: &str = "file_differs";

/// What is known of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It is what was pulled.
    Equal,
    /// It is not.
    Differs,
    /// Nobody promised anything.
    Unknown,
}

/// What there is to tell of a file.
#[derive(Serialize)]
struct Told<'a> {
    file: &'a str,
    path: String,
    state: State,
    algorithm: Option<&'static str>,
    hash: Option<&'a str>,
}

/// Reads the files of a model on this disk and tells of each whether it is what it was when it was
/// pulled; fails where one is not.
pub(crate) fn verify(
    args: &InspectArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let hub = locate::disk(config)?;
    let files = hub.promised(config.model(args.model.as_deref())?)?;
    let mut first = None;
    let mut told = Vec::with_capacity(files.len());
    for file in &files {
        let state = match check(&hub, file, terminal, interrupt)? {
            _ if file.promise().is_none() => State::Unknown,
            None => State::Equal,
            Some(report) => {
                first.get_or_insert(report);
                State::Differs
            }
        };
        let (algorithm, hash) = file.promise().unzip();
        let path = file.path.display().to_string();
        told.push(Told { file: &file.name, path, state, algorithm, hash });
    }
    if args.json {
        terminal.json_pretty(&told)?;
    } else {
        terminal.line(table::columns(&told.iter().map(row).collect::<Vec<_>>()))?;
    }
    first.map_or(Ok(()), |report| Err(CliError::Report(report)))
}

/// The report where a file differs.
fn check(
    hub: &Hub,
    file: &PromisedFile,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<Option<Box<ErrorReport>>, CliError> {
    let display = ProgressDisplay::beside(terminal);
    match locate::finish(hub.verify(file), display, terminal, interrupt) {
        Ok(_) => Ok(None),
        Err(CliError::Report(report)) if report.code == DIFFERS => Ok(Some(report)),
        Err(error) => Err(error),
    }
}

fn row(told: &Told<'_>) -> [String; 3] {
    let state = match told.state {
        State::Equal => "equal",
        State::Differs => "differs",
        State::Unknown => "unknown",
    };
    let promised = told.algorithm.zip(told.hash).map(|(name, hash)| format!("{name} {hash}"));
    let nothing = || "nothing says what it should be".to_owned();
    [state.to_owned(), told.file.to_owned(), promised.unwrap_or_else(nothing)]
}
