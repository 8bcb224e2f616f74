//! `pricket rm`: frees the disk of a model.

use pricket::core::ByteSize;

use crate::args::RmArgs;
use crate::config::Config;
use crate::error::CliError;
use crate::locate;
use crate::terminal::Terminal;

/// Removes a downloaded model.
pub(crate) fn rm(args: &RmArgs, config: &Config, terminal: &mut Terminal) -> Result<(), CliError> {
    let removed = locate::disk(config)?.remove(&args.model)?;
    terminal.line(format_args!("removed {} ({})", args.model, ByteSize(removed.bytes)))
}
