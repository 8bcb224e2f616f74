//! `pricket config`: what is configured, and whether it holds.

use clap::ArgMatches;

use super::{Config, Environment, Location, example, show};
use crate::args::{ConfigArgs, ConfigCommand};
use crate::error::CliError;
use crate::locate;
use crate::terminal::Terminal;

/// Tells about the configuration. A broken one is no reason not to tell where it is.
pub(crate) fn command(
    args: &ConfigArgs,
    location: Location,
    matches: &ArgMatches,
    environment: Environment,
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    match &args.command {
        ConfigCommand::Show(args) => {
            let config = Config::load(location, matches, environment)?;
            show::show(args, &config, terminal)
        }
        ConfigCommand::Path => path(&location, terminal),
        ConfigCommand::Check => {
            let config = Config::load(location, matches, environment)?;
            check(&config, terminal)
        }
        ConfigCommand::Example => terminal.line(example::example()),
    }
}

fn path(location: &Location, terminal: &mut Terminal) -> Result<(), CliError> {
    let Some(path) = location.path() else {
        terminal.note("no configuration is read: PRICKET_CONFIG is empty, or there is no home");
        return Ok(());
    };
    if !path.exists() {
        let path = path.display();
        terminal.note(format_args!("not there; `pricket config example > {path}` begins one"));
    }
    terminal.line(path.display())
}

/// Whoever comes here has loaded a configuration without a mistake. What it names must be usable
/// too, as every command needs it.
fn check(config: &Config, terminal: &mut Terminal) -> Result<(), CliError> {
    locate::disk(config)?;
    for stranger in config.environment.strangers() {
        terminal.note(stranger);
    }
    let set = |layer: &str| config.entries.values().filter(|e| e.origin.layer() == layer).count();
    let file = match (&config.file, config.location.path()) {
        (Some(path), _) => {
            let settings = count(set("file"), "setting");
            let aliases = count(config.models().aliases().len(), "alias");
            let rules = count(config.models().rules().len(), "rule");
            format!("{}: {settings} in effect, {aliases}, {rules}", path.display())
        }
        (None, Some(path)) => format!("{}: not there, so the defaults hold", path.display()),
        (None, None) => "no file is read".to_owned(),
    };
    terminal.line(file)?;
    terminal.line(format_args!("environment: {} in effect", count(set("environment"), "setting")))
}

fn count(count: usize, what: &str) -> String {
    match (count, what) {
        (1, _) => format!("1 {what}"),
        (_, "alias") => format!("{count} aliases"),
        _ => format!("{count} {what}s"),
    }
}
