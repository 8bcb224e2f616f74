//! `pricket debug`: numbers to hold against another implementation.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::SourceArgs;
use super::model::at_least_one;
use crate::config::{Flags, Measuring};

/// `pricket debug`.
#[derive(Debug, Args)]
pub(crate) struct DebugArgs {
    #[command(subcommand)]
    pub(crate) command: DebugCommand,
}

/// What to look at.
#[derive(Debug, Subcommand)]
pub(crate) enum DebugCommand {
    /// A text's token ids: [ids]
    Tokenize(TokenizeArgs),
    /// The text of token ids: "text"
    Detokenize(DetokenizeArgs),
    /// A request rendered by the chat template: {"text", "ids"} or {"error"}
    Render(RenderArgs),
    /// Logits and greedy tokens: {"last_logits", "top10", "greedy"}
    Logits(LogitsArgs),
    /// How well the model predicts a text: {"perplexity", "uncertainty", ..}
    Perplexity(PerplexityArgs),
}

/// `pricket debug tokenize`.
#[derive(Debug, Args)]
pub(crate) struct TokenizeArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// The file with the text, UTF-8; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) text_file: PathBuf,
    /// Recognise special tokens written in the text; without it they are plain text
    #[arg(long)]
    pub(crate) special: bool,
    /// Put in front and behind what the model's tokenizer adds to a prompt
    #[arg(long)]
    pub(crate) prompt: bool,
}

/// `pricket debug detokenize`.
#[derive(Debug, Args)]
pub(crate) struct DetokenizeArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Token ids, separated by commas
    #[arg(long, value_delimiter = ',', required = true, value_name = "IDS")]
    pub(crate) ids: Vec<u32>,
    /// Leave special tokens out of the text
    #[arg(long)]
    pub(crate) skip_special: bool,
}

/// `pricket debug render`.
#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// JSON file: {"messages", "tools"?, "add_generation_prompt"?, "kwargs"?}; `-` reads standard
    /// input
    #[arg(long, value_name = "FILE")]
    pub(crate) request: PathBuf,
    /// Render by this template instead of the model's own
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
}

/// `pricket debug logits`.
#[derive(Debug, Args)]
pub(crate) struct LogitsArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Token ids, separated by commas
    #[arg(long, value_delimiter = ',', required = true, value_name = "IDS")]
    pub(crate) ids: Vec<u32>,
    /// Continue by this many most likely tokens, ends of turn included
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) greedy: usize,
    /// Give the model this many tokens at once [default: all]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) chunk: Option<usize>,
    #[command(flatten)]
    _measuring: Flags<Measuring>,
}

/// `pricket debug perplexity`.
#[derive(Debug, Args)]
pub(crate) struct PerplexityArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// The file with the text, UTF-8; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) text_file: PathBuf,
    /// Tokens of a chunk; the second half of each is predicted, as llama-perplexity does
    #[arg(long, value_name = "TOKENS", default_value = "512", value_parser = at_least_one)]
    pub(crate) context: usize,
    #[command(flatten)]
    _measuring: Flags<Measuring>,
}
