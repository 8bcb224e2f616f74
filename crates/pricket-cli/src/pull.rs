//! `pricket pull`: brings a model onto this disk.

use crate::args::PullArgs;
use crate::config::Config;
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::locate;
use crate::progress::ProgressDisplay;
use crate::terminal::Terminal;

/// Downloads a model, or finds that it is there.
pub(crate) fn pull(
    args: &PullArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let hub = locate::hub(config)?;
    let display = ProgressDisplay::alone(terminal);
    let for_people = matches!(display, ProgressDisplay::Bar(_));
    let path = locate::download(&hub, &args.source.model, display, terminal, interrupt)?;
    if for_people { terminal.line(path.display()) } else { Ok(()) }
}
