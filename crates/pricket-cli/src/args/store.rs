//! The commands around models on disk.

use clap::Args;

use super::SourceArgs;

/// `pricket pull`.
#[derive(Debug, Args)]
#[command(after_help = "\
On a terminal a bar shows the progress; elsewhere each step is one JSON object a line on stdout.")]
pub(crate) struct PullArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// `pricket list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// One JSON list instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pricket rm`.
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// A name that `pricket list` shows
    pub(crate) model: String,
}
