//! The two commands for encoders.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Encoding, Flags};

/// What both read.
#[derive(Debug, Args)]
pub(crate) struct TextArgs {
    /// A file with one text a line, UTF-8, behind those given as arguments; `-` reads standard
    /// input
    #[arg(long, value_name = "FILE")]
    pub(crate) lines: Option<PathBuf>,
    /// Cut texts that are longer than the model takes; without it they are an error
    #[arg(long)]
    pub(crate) truncate: bool,
    #[command(flatten)]
    _encoding: Flags<Encoding>,
}

/// `pricket embed`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line is one JSON object: {\"type\": \"embedding\", \"index\", \"vector\", ..} for each
text, as it is ready, then {\"type\": \"complete\", ..} or {\"type\": \"error\", ..}.")]
pub(crate) struct EmbedArgs {
    /// Alias, hf:ORG/REPO/FILE, or path
    #[arg(index = 1)]
    pub(crate) model: String,
    /// The texts
    #[arg(index = 2, value_name = "TEXT")]
    pub(crate) texts: Vec<String>,
    /// Put the prompt of this name from the model's files in front of each text, such as query
    #[arg(long, value_name = "NAME")]
    pub(crate) prompt: Option<String>,
    /// Put this text in front of each [default: the model's default prompt, if it has one]
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt")]
    pub(crate) prefix: Option<String>,
    #[command(flatten)]
    pub(crate) input: TextArgs,
}

/// `pricket rerank`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line is one JSON object: {\"type\": \"score\", \"index\", \"score\", ..} for each
document, as it is ready, then {\"type\": \"complete\", ..} or {\"type\": \"error\", ..}.")]
pub(crate) struct RerankArgs {
    /// Alias, hf:ORG/REPO/FILE, or path
    #[arg(index = 1)]
    pub(crate) model: String,
    /// What is looked for
    #[arg(index = 2)]
    pub(crate) query: String,
    /// What may answer it
    #[arg(index = 3, value_name = "DOCUMENT")]
    pub(crate) documents: Vec<String>,
    #[command(flatten)]
    pub(crate) input: TextArgs,
}
