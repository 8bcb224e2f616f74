//! Which model, and how it runs.

use clap::Args;

use crate::config::{Finding, Flags, Measuring};

/// Where a model comes from.
#[derive(Debug, Clone, Args)]
pub(crate) struct SourceArgs {
    /// Alias, hf:ORG/REPO/FILE, or path
    #[arg(index = 1)]
    pub(crate) model: String,
    #[command(flatten)]
    _finding: Flags<Finding>,
}

/// `pricket inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Alias, hf:ORG/REPO/FILE, or path [default: the configuration's model.default]
    #[arg(index = 1)]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    _finding: Flags<Finding>,
    /// Read the files on disk and tell of each whether it is what was pulled
    #[arg(long)]
    pub(crate) verify: bool,
    /// One JSON object instead of a table, with --verify one JSON list
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pricket bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Alias, hf:ORG/REPO/FILE, or path [default: the configuration's model.default]
    #[arg(index = 1)]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    _finding: Flags<Finding>,
    #[command(flatten)]
    _measuring: Flags<Measuring>,
    /// Tokens in the prompt that prefill is measured on; 0 leaves prefill out
    #[arg(long, value_name = "TOKENS", default_value = "512")]
    pub(crate) prompt: usize,
    /// Tokens of each sequence that decode is measured on; 0 leaves decode out
    #[arg(long, value_name = "TOKENS", default_value = "128")]
    pub(crate) generate: usize,
    /// Tokens already in the context when each measurement starts
    #[arg(long, value_name = "TOKENS", default_value = "0")]
    pub(crate) depth: usize,
    /// Sequences that decode side by side; their tokens count together
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub(crate) batch: usize,
    /// How often each is measured; the medians are told
    #[arg(long, value_name = "N", default_value = "5", value_parser = at_least_one)]
    pub(crate) repeat: usize,
    /// One JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// A count that is not zero.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("it must be 1 or more".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("it must be a whole number, 1 or more".to_owned()),
    }
}
