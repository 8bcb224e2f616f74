//! The command `pricket`: models on this machine, from a terminal.
//!
//! Each command has a file of its own; [`terminal`] is the only place that writes, [`interrupt`]
//! the only one that knows Ctrl-C, [`error`] says how the program ends.

mod args;

mod bench;
mod chat;
mod debug;
mod inspect;
mod list;
mod pull;
mod rm;
mod run;

mod answer;
mod forward;
mod load;
mod locate;
mod prompt;

mod error;
mod interrupt;
mod limits;
mod logging;
mod progress;
mod table;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut terminal = Terminal::new();
    match dispatch(cli, &mut terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_quiet() {
                terminal.error(&error);
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(cli: Cli, terminal: &mut Terminal) -> Result<(), CliError> {
    logging::install(cli.log)?;
    let interrupt = Interrupt::install()?;
    match cli.command {
        Command::Run(args) => run::run(&args, terminal, &interrupt),
        Command::Chat(args) => chat::chat(args, terminal, &interrupt),
        Command::Pull(args) => pull::pull(&args, terminal, &interrupt),
        Command::List(args) => list::list(&args, terminal),
        Command::Rm(args) => rm::rm(&args, terminal),
        Command::Inspect(args) => inspect::inspect(&args, terminal, &interrupt),
        Command::Bench(args) => bench::bench(&args, terminal, &interrupt),
        Command::Debug(args) => debug::debug(args.command, terminal, &interrupt),
    }
}
