//! `pricket run`: one prompt, one answer.

use pricket::core::{CompletionChunk, CompletionProvider, CompletionRequest, Message};

use crate::answer::{self, Form};
use crate::args::{AnswerArgs, RunArgs};
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use crate::{load, prompt};

/// Answers one prompt.
pub(crate) fn run(
    args: &RunArgs,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let form = if args.json { Form::Json } else { Form::Text };
    let request = match build(args, terminal) {
        Ok(request) => request,
        Err(error) => return Err(tell(error, form, terminal)),
    };
    let engine = match load::engine(&args.answer.model, terminal, interrupt) {
        Ok(engine) => engine,
        Err(error) => return Err(tell(error, form, terminal)),
    };
    let answer = answer::show(engine.complete(request), form, terminal, interrupt)?;
    if let Some(completion) = answer.completion.as_ref().filter(|_| args.stats) {
        terminal.note(answer::stats_line(completion));
    }
    if answer.interrupted { Err(CliError::Interrupted) } else { Ok(()) }
}

/// A program that reads JSON lines gets a last chunk, also where no answer ever began.
fn tell(error: CliError, form: Form, terminal: &mut Terminal) -> CliError {
    if form == Form::Json && !error.is_quiet() {
        let chunk = CompletionChunk::Error(Box::new(error.report()));
        if let Err(gone) = terminal.json(&chunk) {
            return gone;
        }
    }
    error
}

fn build(args: &RunArgs, terminal: &mut Terminal) -> Result<CompletionRequest, CliError> {
    let AnswerArgs { system, sampling, .. } = &args.answer;
    sampling.params().validate().map_err(|error| CliError::Usage(error.to_string()))?;
    let prompt = prompt::gather(args.prompt.as_deref(), terminal)?;
    let request = if args.raw {
        CompletionRequest::raw(prompt)
    } else {
        let mut messages: Vec<Message> = system.iter().map(Message::system).collect();
        messages.push(Message::user(prompt));
        CompletionRequest::chat(messages)
    };
    Ok(with_knobs(request, &args.answer))
}

/// Sets what the command line says about sampling and length.
pub(crate) fn with_knobs(request: CompletionRequest, args: &AnswerArgs) -> CompletionRequest {
    let request = request.sampling(args.sampling.params()).stop(args.stop.iter().cloned());
    match args.max_tokens {
        Some(max_tokens) => request.max_tokens(max_tokens),
        None => request,
    }
}
