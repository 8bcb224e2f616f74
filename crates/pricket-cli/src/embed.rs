//! `pricket embed` and `pricket rerank`: vectors and scores, a JSON object a line.

use pricket::core::{
    Embedder, EmbeddingChunk, EmbeddingPrompt, EmbeddingRequest, ErrorReport, ProgressEvent,
    RerankChunk, RerankRequest, Reranker,
};
use pricket::engine::{EmbeddingEngine, EmbeddingOptions, EngineError, RerankEngine};
use pricket::models::EncoderOptions;
use pricket::stream::{AsyncStream, MessageChunk};
use serde::Serialize;

use crate::args::{EmbedArgs, RerankArgs, TextArgs};
use crate::config::{Config, MEMORY, THREADS};
use crate::error::CliError;
use crate::interrupt::{Ended, Interrupt};
use crate::load::quantization;
use crate::progress::ProgressDisplay;
use crate::terminal::Terminal;
use crate::{locate, prompt};

/// Embeds texts.
pub(crate) fn embed(
    args: &EmbedArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let prompt = match (&args.prompt, &args.prefix) {
        (Some(name), _) => EmbeddingPrompt::Named(name.clone()),
        (None, Some(text)) => EmbeddingPrompt::Text(text.clone()),
        (None, None) => EmbeddingPrompt::Default,
    };
    let ready = gather(&args.texts, &args.input).and_then(|texts| {
        let path = locate::locate(&args.model, config, terminal, interrupt)?;
        let options = options(&args.model, config);
        Ok((loaded(terminal, |shown| EmbeddingEngine::load(path, &options, shown))?, texts))
    });
    let (engine, texts) = told(ready, terminal, EmbeddingChunk::Error)?;
    let request = EmbeddingRequest::new(texts).prompt(prompt).truncate(args.input.truncate);
    show(engine.embed(request), terminal, interrupt, |chunk| match chunk {
        EmbeddingChunk::Error(report) => Some(report),
        _ => None,
    })
}

/// Scores documents.
pub(crate) fn rerank(
    args: &RerankArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let ready = gather(&args.documents, &args.input).and_then(|documents| {
        let path = locate::locate(&args.model, config, terminal, interrupt)?;
        let options = options(&args.model, config);
        Ok((loaded(terminal, |shown| RerankEngine::load(path, &options, shown))?, documents))
    });
    let (engine, documents) = told(ready, terminal, RerankChunk::Error)?;
    let request = RerankRequest::new(&args.query, documents).truncate(args.input.truncate);
    show(engine.rerank(request), terminal, interrupt, |chunk| match chunk {
        RerankChunk::Error(report) => Some(report),
        _ => None,
    })
}

/// The texts given as arguments, then those of the file.
fn gather(given: &[String], input: &TextArgs) -> Result<Vec<String>, CliError> {
    let mut texts = given.to_vec();
    if let Some(path) = &input.lines {
        texts.extend(prompt::read_text(path)?.lines().map(str::to_owned));
    }
    if texts.is_empty() {
        let why = "there is no text; give one as an argument, or a file with --lines";
        return Err(CliError::Usage(why.to_owned()));
    }
    Ok(texts)
}

fn options(model: &str, config: &Config) -> EmbeddingOptions {
    EmbeddingOptions {
        name: Some(model.to_owned()),
        model: EncoderOptions {
            threads: config.count(&THREADS),
            memory: config.size(&MEMORY),
            quantize: quantization(config),
            ..EncoderOptions::default()
        },
        ..EmbeddingOptions::default()
    }
}

/// Loads a model and shows how it goes.
fn loaded<T>(
    terminal: &mut Terminal,
    load: impl FnOnce(&mut dyn FnMut(ProgressEvent)) -> Result<T, EngineError>,
) -> Result<T, CliError> {
    let mut display = ProgressDisplay::beside(terminal);
    let mut shown = Ok(());
    let engine = load(&mut |event| {
        if shown.is_ok() {
            shown = display.show(&event, terminal);
        }
    })?;
    shown.map(|()| engine)
}

/// A program that reads the lines gets a last one, also where no answer ever began.
fn told<T, C: Serialize>(
    ready: Result<T, CliError>,
    terminal: &mut Terminal,
    chunk: impl FnOnce(Box<ErrorReport>) -> C,
) -> Result<T, CliError> {
    if let Err(error) = &ready
        && !error.is_quiet()
    {
        terminal.json(&chunk(Box::new(error.report())))?;
    }
    ready
}

/// Writes every chunk on a line. That the answer ended with an error is told there, and is how the
/// program ends.
fn show<C: MessageChunk + Serialize>(
    stream: AsyncStream<C>,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
    failure: impl Fn(&C) -> Option<&Box<ErrorReport>>,
) -> Result<(), CliError> {
    let mut outcome = Ok(());
    let ended = interrupt.read(stream, |chunk| {
        if let Some(report) = failure(&chunk) {
            outcome = Err(CliError::Report(report.clone()));
        }
        terminal.json(&chunk)
    })?;
    if ended == Ended::Interrupted { Err(CliError::Interrupted) } else { outcome }
}
