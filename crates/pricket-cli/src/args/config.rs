//! `pricket config`.

use clap::{Args, Subcommand};

use crate::config::{Answering, Flags, Sampling};

/// `pricket config`.
#[derive(Debug, Args)]
#[command(after_help = "\
A flag wins over an environment variable, which wins over the file, which wins over the default.")]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// What to tell.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every setting's value; flags that are given here count
    Show(ConfigShowArgs),
    /// Which file is read
    Path,
    /// Whether the file and the environment hold, and everything that is wrong with them
    Check,
    /// A file with every setting, to begin with
    Example,
}

/// `pricket config show`.
#[derive(Debug, Args)]
pub(crate) struct ConfigShowArgs {
    /// Where each value comes from, too
    #[arg(long)]
    pub(crate) origin: bool,
    /// One JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    _answering: Flags<Answering>,
    #[command(flatten)]
    _sampling: Flags<Sampling>,
}
