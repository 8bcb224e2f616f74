//! From files to something that runs: an engine, or a bare forward pass.

use pricket::engine::{Engine, EngineOptions};
use pricket::models::{self, Backend, OpenOptions, Opened};

use crate::args::{BackendName, ModelArgs, SourceArgs};
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::locate;
use crate::progress::ProgressDisplay;
use crate::terminal::Terminal;

/// An engine around the model that the command line names.
pub(crate) fn engine(
    args: &ModelArgs,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<Engine, CliError> {
    let path = locate::locate(&args.source, terminal, interrupt)?;
    let options = EngineOptions {
        name: Some(args.source.model.clone()),
        context: args.context,
        model: options(args.backend, args.threads),
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
    source: &SourceArgs,
    options: &OpenOptions,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<Opened, CliError> {
    let path = locate::locate(source, terminal, interrupt)?;
    let mut display = ProgressDisplay::beside(terminal);
    let mut shown = Ok(());
    let opened = models::open(&path, options, &mut |event| {
        if shown.is_ok() {
            shown = display.show(&event, terminal);
        }
    })?;
    shown.map(|()| opened)
}

/// How the command line wants a model to be opened.
pub(crate) fn options(backend: BackendName, threads: Option<usize>) -> OpenOptions {
    let backend = match backend {
        BackendName::Cpu => Backend::Cpu,
        BackendName::Candle => Backend::Candle,
        BackendName::CandleF32 => Backend::CandleF32,
    };
    OpenOptions { backend, threads, ..OpenOptions::default() }
}
