//! From what the user calls a model to its files.

use std::path::PathBuf;

use pricket::core::ProgressEvent;
use pricket::hub::{Hub, HubBuilder};

use crate::args::SourceArgs;
use crate::error::CliError;
use crate::interrupt::{Ended, Interrupt};
use crate::progress::ProgressDisplay;
use crate::terminal::Terminal;

/// The hub as the environment and `--offline` set it up.
pub(crate) fn hub(offline: bool) -> Result<Hub, CliError> {
    let builder = HubBuilder::from_lookup(|name| std::env::var_os(name));
    Ok(if offline { builder.offline(true) } else { builder }.build()?)
}

/// The path of a model's files; they are downloaded where they are not on disk yet.
pub(crate) fn locate(
    source: &SourceArgs,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<PathBuf, CliError> {
    let hub = hub(source.offline)?;
    if let Some(path) = hub.locate(&source.model)? {
        return Ok(path);
    }
    let display = ProgressDisplay::beside(terminal);
    download(&hub, &source.model, display, terminal, interrupt)
}

/// Downloads a model and shows how it goes.
pub(crate) fn download(
    hub: &Hub,
    model: &str,
    mut display: ProgressDisplay,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<PathBuf, CliError> {
    let mut outcome = Err(CliError::EndMissing);
    let ended = interrupt.read(hub.pull(model), |event| {
        display.show(&event, terminal)?;
        match event {
            ProgressEvent::Finished { path: Some(path) } => outcome = Ok(path),
            ProgressEvent::Failed { error } => outcome = Err(CliError::Report(error)),
            _ => {}
        }
        Ok(())
    })?;
    if ended == Ended::Interrupted { Err(CliError::Interrupted) } else { outcome }
}
