//! Which model, and how it runs.

use clap::{Args, ValueEnum};

/// Where a model comes from.
#[derive(Debug, Clone, Args)]
pub(crate) struct SourceArgs {
    /// Alias, hf:ORG/REPO/FILE, or path
    #[arg(index = 1)]
    pub(crate) model: String,
    /// Never use the network; fail where the model is not on disk
    #[arg(long)]
    pub(crate) offline: bool,
}

/// The forward passes that this program has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    // Pricket's own kernels.
    Cpu,
    // Candle, the second opinion.
    Candle,
    // Candle over weights turned into floats, the exact one.
    CandleF32,
}

/// Which model, and how it runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Longest conversation, in tokens [default: what the model was trained for]
    #[arg(long, value_name = "TOKENS", value_parser = at_least_one)]
    pub(crate) context: Option<usize>,
    /// Worker threads [default: the physical cores]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) threads: Option<usize>,
    /// Whose forward pass runs the model: pricket's own, candle's as a second opinion, or
    /// candle's without rounding (slow, large, exact)
    #[arg(long, value_enum, default_value = "cpu")]
    pub(crate) backend: BackendName,
}

/// `pricket inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// One JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pricket bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Worker threads [default: the physical cores]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) threads: Option<usize>,
    /// Whose forward pass runs the model: pricket's own, candle's as a second opinion, or
    /// candle's without rounding (slow, large, exact)
    #[arg(long, value_enum, default_value = "cpu")]
    pub(crate) backend: BackendName,
    /// Tokens in the prompt that prefill is measured on
    #[arg(long, value_name = "TOKENS", default_value = "512", value_parser = at_least_one)]
    pub(crate) prompt: usize,
    /// Tokens that decode is measured on
    #[arg(long, value_name = "TOKENS", default_value = "128", value_parser = at_least_one)]
    pub(crate) generate: usize,
    /// Tokens already in the context when each measurement starts
    #[arg(long, value_name = "TOKENS", default_value = "0")]
    pub(crate) depth: usize,
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
