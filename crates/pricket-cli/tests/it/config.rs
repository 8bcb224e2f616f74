//! Configuration: flags before environment before file before defaults.

mod effect;
mod mistakes;
mod places;
mod show;

use crate::command::{Outcome, Pricket, finish};

/// Runs with variables set.
fn run_with(home: &Pricket, variables: &[(&str, &str)], args: &[&str]) -> Outcome {
    finish(home.command(args).envs(variables.iter().copied()).spawn().unwrap())
}

/// Runs with a file named by the environment.
fn run_in(home: &Pricket, config: &str, args: &[&str]) -> Outcome {
    run_with(home, &[("PRICKET_CONFIG", config)], args)
}
