//! A driver in a process that keeps its model: a line for each task, a line for each answer.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::{Task, process};
use crate::Failure;

/// How far the tokens that a driver timed may be from those that the task names: a prompt of text
/// may have a mark of its own at its beginning.
const TOKENS_TOLERANCE: f64 = 0.05;

/// The process. It is ended when this is dropped.
#[derive(Debug)]
pub(super) struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    errors: File,
}

impl Session {
    /// Starts a driver and waits until it has loaded its model, so that nobody measures meanwhile.
    pub(super) fn start(command: &mut Command) -> Result<Self, Failure> {
        let program = command.get_program().to_string_lossy().into_owned();
        let errors = tempfile::tempfile()?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.try_clone()?)
            .spawn()
            .map_err(|error| format!("`{program}` cannot be started: {error}"))?;
        let input = child.stdin.take().ok_or("the driver has no input")?;
        let output = child.stdout.take().ok_or("the driver has no output")?;
        let mut session = Self { child, input, output: BufReader::new(output), errors };
        let line = session.line()?;
        let loaded: Value = serde_json::from_str(&line)?;
        if loaded.get("loaded").is_none() {
            return Err(format!("the driver did not tell that it loaded: {line}").into());
        }
        Ok(session)
    }

    /// Tokens per second of a task.
    pub(super) fn rate(&mut self, task: &Task) -> Result<f64, Failure> {
        let asked = json!({
            "prompt": task.prompt,
            "generate": task.generate,
            "depth": task.depth,
            "batch": task.batch,
        });
        writeln!(self.input, "{asked}").and_then(|()| self.input.flush())?;
        driver_rate(&self.line()?, task)
    }

    /// Whether it can still be asked.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? > 0 {
            return Ok(line);
        }
        let status = self.child.wait()?;
        self.errors.rewind()?;
        // Whatever it printed is told with what is no UTF-8 replaced.
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut self.errors, &mut bytes)?;
        let words = process::last_words(&String::from_utf8_lossy(&bytes));
        Err(format!("the driver ended with {status}: {words}").into())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // One that has ended already needs neither.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the rate of a task from a driver's answer: `{"tokens": 512, "seconds": 0.4}`.
pub fn driver_rate(json: &str, task: &Task) -> Result<f64, Failure> {
    let told: Value = serde_json::from_str(json)?;
    for key in ["unsupported", "failed"] {
        if let Some(why) = told.get(key).and_then(Value::as_str) {
            // An engine may put a whole backtrace behind the first line.
            return Err(why.lines().next().unwrap_or(key).into());
        }
    }
    let number = |key| told.get(key).and_then(Value::as_f64).filter(|&number| number > 0.0);
    let (tokens, seconds) = number("tokens")
        .zip(number("seconds"))
        .ok_or_else(|| format!("the driver told no time of {}: {json}", task.name))?;
    let wanted = ((task.prompt + task.generate) * task.batch) as f64;
    if (tokens / wanted - 1.0).abs() > TOKENS_TOLERANCE {
        return Err(format!("{} is {wanted} tokens, the driver timed {tokens}", task.name).into());
    }
    Ok(tokens / seconds)
}
