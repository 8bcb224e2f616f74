//! `pricket debug`: this program's numbers as JSON, to hold against another implementation.

mod logits;
mod perplexity;
mod text;

use crate::args::DebugCommand;
use crate::config::Config;
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;

/// Tells what was asked for.
pub(crate) fn debug(
    command: &DebugCommand,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    match command {
        DebugCommand::Tokenize(args) => text::tokenize(args, config, terminal, interrupt),
        DebugCommand::Detokenize(args) => text::detokenize(args, config, terminal, interrupt),
        DebugCommand::Render(args) => text::render(args, config, terminal, interrupt),
        DebugCommand::Logits(args) => logits::logits(args, config, terminal, interrupt),
        DebugCommand::Perplexity(args) => perplexity::perplexity(args, config, terminal, interrupt),
    }
}
