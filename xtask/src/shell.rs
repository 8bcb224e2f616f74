//! Runs cargo: echoes the command, lets its output through, turns a bad status into a failure.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Failure, terminal};

/// A cargo command line with the environment that it needs beyond ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cargo {
    words: Vec<String>,
    env: Vec<(&'static str, String)>,
}

impl Cargo {
    /// `cargo` and these words.
    pub fn new<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self { words: words.into_iter().map(Into::into).collect(), env: Vec::new() }
    }

    /// Sets a variable for this command only.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// The line that a person would type.
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        for (name, value) in &self.env {
            parts.push(format!("{name}=\"{value}\""));
        }
        parts.push("cargo".to_owned());
        parts.extend(self.words.iter().cloned());
        parts.join(" ")
    }

    fn command(&self, root: &Path) -> Command {
        // Cargo tells its own path to what it runs; outside of it the one in PATH will do.
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        command.args(&self.words).current_dir(root);
        for (name, value) in &self.env {
            command.env(name, value);
        }
        command
    }

    /// Echoes the line and runs it to its end.
    pub fn run(&self, root: &Path) -> Result<(), Failure> {
        terminal::say(&format!("$ {}", self.line()));
        let status = self.command(root).status().map_err(|error| self.unstarted(&error))?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::Command { command: self.line(), status: status.to_string() })
    }

    /// Runs it silently and gives its standard output; its complaints pass through.
    pub fn output(&self, root: &Path) -> Result<String, Failure> {
        let mut command = self.command(root);
        let output =
            command.stderr(Stdio::inherit()).output().map_err(|error| self.unstarted(&error))?;
        if !output.status.success() {
            let status = output.status.to_string();
            return Err(Failure::Command { command: self.line(), status });
        }
        String::from_utf8(output.stdout)
            .map_err(|_| Failure::data(self.line(), 0, "its output is not UTF-8"))
    }

    /// Whether it runs at all, without a word.
    pub fn works(&self, root: &Path) -> bool {
        let mut command = self.command(root);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    fn unstarted(&self, error: &std::io::Error) -> Failure {
        Failure::Start { command: self.line(), reason: error.to_string() }
    }
}
