//! The command `pricket`: models on this machine, from a terminal.
//!
//! Each command has a file of its own; [`config`] is what the user wants, by flags, environment and
//! file; [`terminal`] is the only place that writes, [`interrupt`] the only one that knows Ctrl-C,
//! [`error`] says how the program ends.

mod args;

mod config;

mod bench;
mod chat;
mod debug;
mod embed;
mod inspect;
mod list;
mod models;
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
mod verify;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::args::{Cli, Command, Task};
use crate::config::{Config, Environment, Location};
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let mut terminal = Terminal::new();
    match start(&cli, &matches, &mut terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_quiet() {
                terminal.error(&error);
            }
            ExitCode::from(error.exit_code())
        }
    }
}

/// Gathers what the user wants, and does it. Where that fails nothing is started, and a program
/// that reads JSON lines is told so.
fn start(cli: &Cli, matches: &ArgMatches, terminal: &mut Terminal) -> Result<(), CliError> {
    let environment = Environment::of_process();
    let location = Location::find(cli.config.as_deref(), &environment);
    let task = match &cli.command {
        Command::Task(task) => task,
        Command::Config(args) => {
            return config::command(args, location, matches, environment, terminal);
        }
    };
    let ready = Config::load(location, matches, environment).and_then(|config| {
        logging::install(&config);
        Ok((config, Interrupt::install()?))
    });
    match ready {
        Ok((config, interrupt)) => dispatch(task, &config, &interrupt, terminal),
        Err(error) => Err(match task {
            Task::Run(args) => run::tell(error, run::form(args), terminal),
            _ => error,
        }),
    }
}

fn dispatch(
    task: &Task,
    config: &Config,
    interrupt: &Interrupt,
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    match task {
        Task::Run(args) => run::run(args, config, terminal, interrupt),
        Task::Chat(args) => chat::chat(args, config, terminal, interrupt),
        Task::Embed(args) => embed::embed(args, config, terminal, interrupt),
        Task::Rerank(args) => embed::rerank(args, config, terminal, interrupt),
        Task::Pull(args) => pull::pull(args, config, terminal, interrupt),
        Task::List(args) => list::list(args, config, terminal),
        Task::Rm(args) => rm::rm(args, config, terminal),
        Task::Inspect(args) if args.verify => verify::verify(args, config, terminal, interrupt),
        Task::Inspect(args) => inspect::inspect(args, config, terminal, interrupt),
        Task::Models(args) => models::models(args, config, terminal, interrupt),
        Task::Bench(args) => bench::bench(args, config, terminal, interrupt),
        Task::Debug(args) => debug::debug(&args.command, config, terminal, interrupt),
    }
}
