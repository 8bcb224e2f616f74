//! From what the user calls a model to its files.

use std::path::PathBuf;

use pricket::core::ProgressEvent;
use pricket::hub::{Hub, HubBuilder};
use pricket::stream::AsyncStream;

use crate::config::Config;
use crate::error::CliError;
use crate::interrupt::{Ended, Interrupt};
use crate::progress::ProgressDisplay;
use crate::terminal::Terminal;

/// What rules may ask this build for.
const FEATURES: &[&str] = if cfg!(feature = "candle") { &["candle"] } else { &[] };

/// The hub as the configuration sets it up.
pub(crate) fn hub(config: &Config) -> Result<Hub, CliError> {
    Ok(builder(config).build()?)
}

/// The same hub without a network: what is on this disk.
pub(crate) fn disk(config: &Config) -> Result<Hub, CliError> {
    Ok(builder(config).offline(true).build()?)
}

fn builder(config: &Config) -> HubBuilder {
    HubBuilder::from_lookup(|name| config.variable(name))
        .registry(config.models().registry().clone())
        .features(FEATURES.iter().copied())
}

/// The path of a model's files; they are downloaded where they are not on disk yet.
pub(crate) fn locate(
    model: &str,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<PathBuf, CliError> {
    let hub = hub(config)?;
    if let Some(path) = hub.locate(model)? {
        return Ok(path);
    }
    let display = ProgressDisplay::beside(terminal);
    download(&hub, model, display, terminal, interrupt)
}

/// Downloads a model and shows how it goes.
pub(crate) fn download(
    hub: &Hub,
    model: &str,
    display: ProgressDisplay,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<PathBuf, CliError> {
    finish(hub.pull(model), display, terminal, interrupt)
}

/// Reads a stream of the hub to its end and shows how it goes.
pub(crate) fn finish(
    stream: AsyncStream<ProgressEvent>,
    mut display: ProgressDisplay,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<PathBuf, CliError> {
    let mut outcome = Err(CliError::EndMissing);
    let ended = interrupt.read(stream, |event| {
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
