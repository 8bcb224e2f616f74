//! A request's stream, shown as it comes.

use pricket::core::{Completion, CompletionChunk};
use pricket::stream::AsyncStream;

use crate::error::CliError;
use crate::interrupt::{Ended, Interrupt};
use crate::terminal::Terminal;

/// How chunks are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The text, nothing else.
    Text,
    /// Every chunk as a line of JSON.
    Json,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Answer {
    /// All the text that was shown.
    pub(crate) text: String,
    /// How it ended and what it cost; `None` where Ctrl-C came first.
    pub(crate) completion: Option<Completion>,
    /// Whether Ctrl-C ended it.
    pub(crate) interrupted: bool,
}

/// Shows an answer piece by piece until it ends or Ctrl-C is pressed, and closes its last line.
pub(crate) fn show(
    stream: AsyncStream<CompletionChunk>,
    form: Form,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<Answer, CliError> {
    let mut text = String::new();
    let mut completion = None;
    let mut failure = None;
    let ended = interrupt.read(stream, |chunk| {
        if form == Form::Json {
            terminal.json(&chunk)?;
        }
        match chunk {
            CompletionChunk::Text { text: piece, .. } => {
                text.push_str(&piece);
                if form == Form::Text {
                    terminal.piece(&piece)?;
                }
            }
            CompletionChunk::Complete(done) => completion = Some(*done),
            CompletionChunk::Error(report) => failure = Some(report),
            _ => {}
        }
        Ok(())
    })?;
    if form == Form::Text && !text.is_empty() && !text.ends_with('\n') {
        terminal.piece("\n")?;
    }
    let interrupted = ended == Ended::Interrupted;
    match (failure, &completion) {
        (Some(report), _) => Err(CliError::Report(report)),
        (None, None) if !interrupted => Err(CliError::EndMissing),
        _ => Ok(Answer { text, completion, interrupted }),
    }
}

/// A completion's tokens, times and end on one line.
pub(crate) fn stats_line(completion: &Completion) -> String {
    let rate =
        |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1} tok/s"));
    let (usage, timings) = (&completion.usage, &completion.timings);
    format!(
        "prompt {} tokens ({} cached) in {:.0} ms, {}; answer {} tokens in {:.0} ms, {}; first \
         token after {:.0} ms; ended by {}",
        usage.prompt_tokens,
        usage.cached_tokens,
        timings.prefill_ms,
        rate(completion.prefill_tokens_per_second()),
        usage.completion_tokens,
        timings.decode_ms,
        rate(completion.decode_tokens_per_second()),
        timings.first_token_ms,
        end(completion),
    )
}

fn end(completion: &Completion) -> String {
    let reason = serde_json::to_value(completion.finish_reason)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default();
    match &completion.stop {
        Some(stop) => format!("{reason} {stop:?}"),
        None => reason,
    }
}
