//! `pricket debug perplexity`: how well a model predicts a text, counted as `llama-perplexity`
//! counts it, so that the two numbers can be held against each other.

use pricket::engine::TextPipeline;
use pricket::models::LogitsWanted;
use pricket::tokenizer::Special;
use serde::Serialize;

use crate::args::PerplexityArgs;
use crate::config::Config;
use crate::error::CliError;
use crate::forward::Forward;
use crate::interrupt::Interrupt;
use crate::load;
use crate::prompt::read_text;
use crate::terminal::Terminal;

/// Positions whose logits are held at once: 50 MB at a vocabulary of 100,000.
const ROWS: usize = 128;

/// The shortest context that has a token to predict in its second half.
const CONTEXT_MIN: usize = 4;

#[derive(Debug, Serialize)]
struct Report {
    /// `exp` of the mean below.
    perplexity: f64,
    /// One standard error of the perplexity.
    uncertainty: f64,
    mean_negative_log_likelihood: f64,
    context: usize,
    chunks: usize,
    /// Tokens of the text.
    tokens: usize,
    /// Tokens whose prediction counts: those of the second half of each chunk but its first.
    counted: usize,
}

/// Sums over the predicted tokens.
#[derive(Debug, Default)]
struct Sums {
    count: usize,
    negative_log: f64,
    squares: f64,
}

/// Cuts the text into chunks of the context's length, each a sequence of its own that begins with
/// the model's first token where it has one, and judges the second half of each, so that every
/// judged token has half a context before it. What is left at the end is not looked at.
pub(crate) fn perplexity(
    args: &PerplexityArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let text = read_text(&args.text_file)?;
    let opened = load::model(&args.source.model, config, terminal, interrupt)?;
    let pipeline = TextPipeline::from_assets(opened.text)?;
    let tokenizer = pipeline.tokenizer();
    // A file's last newline ends its last line and is no part of the text.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let ids = tokenizer.encode_prompt(text, Special::AsText)?;
    let bos = tokenizer.encode_prompt("", Special::AsText)?.first().copied();
    let bos = bos.filter(|&id| tokenizer.bos_id() == Some(id));

    let context = args.context;
    refuse(context, opened.model.spec().context_length, ids.len())?;
    let mut forward = Forward::new(opened.model, 1, context)?;
    let mut sums = Sums::default();
    let mut chunk = Vec::with_capacity(context);
    for piece in ids.chunks_exact(context) {
        chunk.clear();
        chunk.extend_from_slice(piece);
        if let (Some(first), Some(bos)) = (chunk.first_mut(), bos) {
            *first = bos;
        }
        forward.rewind(0)?;
        judge(&mut forward, &chunk, &mut sums)?;
    }
    terminal.json(&sums.report(context, ids.len()))
}

/// Fewer tokens than two chunks are too few to mean anything; `llama-perplexity` refuses them too.
fn refuse(context: usize, trained: usize, tokens: usize) -> Result<(), CliError> {
    if context < CONTEXT_MIN || context > trained {
        return Err(CliError::Usage(format!(
            "--context {context} does not fit: the model takes {CONTEXT_MIN} to {trained} tokens"
        )));
    }
    if tokens < 2 * context {
        return Err(CliError::Usage(format!(
            "the text has {tokens} tokens, but two chunks of {context} are the least; give a \
             longer text or a smaller --context"
        )));
    }
    Ok(())
}

/// Runs a chunk through the empty sequence and counts the predictions of its second half.
fn judge(forward: &mut Forward, chunk: &[u32], sums: &mut Sums) -> Result<(), CliError> {
    // The last token predicts nothing that is in the chunk, so it does not run.
    let run = chunk.len().saturating_sub(1);
    let (before, judged) = chunk.get(..run).unwrap_or_default().split_at(chunk.len() / 2);
    let mut targets = chunk.iter().skip(before.len() + 1);
    forward.extend(before, LogitsWanted::None)?;
    for part in judged.chunks(ROWS) {
        let rows = forward.extend(part, LogitsWanted::All)?;
        for (index, &target) in (0..rows.rows()).zip(targets.by_ref().take(part.len())) {
            sums.add(negative_log_likelihood(rows.row(index), target));
        }
    }
    Ok(())
}

/// The negative logarithm of the probability that a row of logits gives to a token.
fn negative_log_likelihood(row: &[f32], target: u32) -> f64 {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = row.iter().map(|&logit| f64::from(logit - max).exp()).sum();
    let logit = row.get(target as usize).copied().unwrap_or(f32::NEG_INFINITY);
    total.ln() - f64::from(logit - max)
}

impl Sums {
    fn add(&mut self, negative_log: f64) {
        self.count += 1;
        self.negative_log += negative_log;
        self.squares += negative_log * negative_log;
    }

    fn report(&self, context: usize, tokens: usize) -> Report {
        let count = self.count as f64;
        let mean = self.negative_log / count;
        let variance = (self.squares / count - mean * mean).max(0.0);
        let perplexity = mean.exp();
        Report {
            perplexity,
            uncertainty: (variance / (count - 1.0)).sqrt() * perplexity,
            mean_negative_log_likelihood: mean,
            context,
            chunks: tokens / context,
            tokens,
            counted: self.count,
        }
    }
}
