//! `cargo xtask <command>`: parse, dispatch, exit code.

use std::process::ExitCode;

use xtask::{Command, repository_root, terminal};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match Command::parse(&words).and_then(|command| command.run(&repository_root())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::complain(&format!("error: {failure}"));
            failure.exit_code()
        }
    }
}
