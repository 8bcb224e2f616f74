//! From files to something that runs: an engine, or a bare forward pass.

use pricket::engine::{Engine, EngineOptions};
use pricket::models::{self, Backend, OpenOptions, Opened};

use crate::config::{BACKEND, CONTEXT, Config, THREADS};
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::locate;
use crate::progress::ProgressDisplay;
use crate::terminal::Terminal;

/// An engine around a model.
pub(crate) fn engine(
    model: &str,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<Engine, CliError> {
    let path = locate::locate(model, config, terminal, interrupt)?;
    let options = EngineOptions {
        name: Some(model.to_owned()),
        context: config.count(&CONTEXT),
        model: options(config),
        ..EngineOptions::default()
    };
    let mut display = ProgressDisplay::beside(terminal);
    let mut shown = Ok(());
    let engine = Engine::load(&path, &options, &mut |event| {
        if shown.is_ok() {
            shown = display.show(&event, terminal);
        }
    })?;
    shown.map(|()| engine)
}

/// The model itself, for those who measure it.
pub(crate) fn model(
    model: &str,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<Opened, CliError> {
    let path = locate::locate(model, config, terminal, interrupt)?;
    let mut display = ProgressDisplay::beside(terminal);
    let mut shown = Ok(());
    let opened = models::open(&path, &options(config), &mut |event| {
        if shown.is_ok() {
            shown = display.show(&event, terminal);
        }
    })?;
    shown.map(|()| opened)
}

/// How the configuration wants a model to be opened.
pub(crate) fn options(config: &Config) -> OpenOptions {
    let backend = match config.text(&BACKEND) {
        Some("candle") => Backend::Candle,
        Some("candle-f32") => Backend::CandleF32,
        _ => Backend::Cpu,
    };
    OpenOptions { backend, threads: config.count(&THREADS), ..OpenOptions::default() }
}
