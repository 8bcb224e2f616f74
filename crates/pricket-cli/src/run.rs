//! `pricket run`: one prompt, one answer.

use pricket::core::{CompletionChunk, CompletionProvider, CompletionRequest, Message};

use crate::answer::{self, Form};
use crate::args::RunArgs;
use crate::config::{Config, MAX_TOKENS, STOP, SYSTEM};
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use crate::{load, prompt};

/// Answers one prompt.
pub(crate) fn run(
    args: &RunArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let form = form(args);
    let request = match build(args, config, terminal) {
        Ok(request) => request,
        Err(error) => return Err(tell(error, form, terminal)),
    };
    let engine = match load::engine(&args.model, config, terminal, interrupt) {
        Ok(engine) => engine,
        Err(error) => return Err(tell(error, form, terminal)),
    };
    if !args.raw {
        load::note_template(&engine, terminal);
    }
    let answer = answer::show(engine.complete(request), form, terminal, interrupt)?;
    if let Some(completion) = answer.completion.as_ref().filter(|_| args.stats) {
        terminal.note(answer::stats_line(completion));
    }
    if answer.interrupted { Err(CliError::Interrupted) } else { Ok(()) }
}

/// How the answer is shown.
pub(crate) fn form(args: &RunArgs) -> Form {
    if args.json { Form::Json } else { Form::Text }
}

/// A program that reads JSON lines gets a last chunk, also where no answer ever began.
pub(crate) fn tell(error: CliError, form: Form, terminal: &mut Terminal) -> CliError {
    if form == Form::Json && !error.is_quiet() {
        let chunk = CompletionChunk::Error(Box::new(error.report()));
        if let Err(gone) = terminal.json(&chunk) {
            return gone;
        }
    }
    error
}

fn build(
    args: &RunArgs,
    config: &Config,
    terminal: &mut Terminal,
) -> Result<CompletionRequest, CliError> {
    let prompt = prompt::gather(args.prompt.as_deref(), terminal)?;
    let request = if args.raw {
        CompletionRequest::raw(prompt)
    } else {
        let mut messages: Vec<Message> =
            config.text(&SYSTEM).map(Message::system).into_iter().collect();
        messages.push(Message::user(prompt));
        CompletionRequest::chat(messages)
    };
    Ok(with_knobs(request, config))
}

/// Sets what the configuration says about sampling and length.
pub(crate) fn with_knobs(request: CompletionRequest, config: &Config) -> CompletionRequest {
    let request = request.sampling(config.sampling()).stop(config.texts(&STOP).iter().cloned());
    match config.count(&MAX_TOKENS) {
        Some(max_tokens) => request.max_tokens(max_tokens),
        None => request,
    }
}
