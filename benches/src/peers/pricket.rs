//! Our side: `pricket bench`, built for release just before.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Task, process};
use crate::Failure;

/// The release build of the command.
#[derive(Debug, Clone)]
pub struct Pricket {
    program: PathBuf,
}

impl Pricket {
    /// Builds the command, or takes the program that `PRICKET_BIN` names.
    ///
    /// # Errors
    /// Where cargo fails.
    pub fn build(workspace: &Path) -> Result<Self, Failure> {
        if let Some(program) = std::env::var_os("PRICKET_BIN").filter(|path| !path.is_empty()) {
            return Ok(Self { program: program.into() });
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--release", "--quiet", "-p", "pricket-cli"])
            .current_dir(workspace)
            .stdin(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(
                format!("`cargo build --release -p pricket-cli` ended with {status}").into()
            );
        }
        // A bench is target/release/deps/NAME-HASH.
        let program = std::env::current_exe()?
            .ancestors()
            .nth(2)
            .map(|folder| folder.join(format!("pricket{}", std::env::consts::EXE_SUFFIX)))
            .filter(|program| program.is_file())
            .ok_or("the built `pricket` is not beside this bench; name it in PRICKET_BIN")?;
        Ok(Self { program })
    }

    /// Tokens per second. The command runs the task once before it times it.
    pub fn measure(&self, model: &Path, task: &Task, threads: usize) -> Result<f64, Failure> {
        let mut command = Command::new(&self.program);
        command.arg("bench").arg(model).args(["--json", "--repeat", "1"]);
        for (flag, value) in [
            ("--threads", threads),
            ("--prompt", task.prompt),
            ("--generate", task.generate),
            ("--depth", task.depth),
            ("--batch", task.batch),
        ] {
            command.args([flag, &value.to_string()]);
        }
        // The settings of whoever measures are not part of the measurement.
        command.env("PRICKET_CONFIG", "");
        rate(&process::output(&mut command)?, task)
    }

    /// What says one token and ends.
    pub fn first(&self, model: &Path, threads: usize) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("run").arg(model).args(["hi", "--raw", "--greedy", "--max-tokens", "1"]);
        command.args(["--threads", &threads.to_string()]).env("PRICKET_CONFIG", "");
        command
    }
}

/// Reads the rate of a task from what `pricket bench --json` printed.
pub fn rate(json: &str, task: &Task) -> Result<f64, Failure> {
    let told: Value = serde_json::from_str(json)?;
    let key =
        if task.is_prefill() { "prefill_tokens_per_second" } else { "decode_tokens_per_second" };
    let rate = told.get(key).and_then(Value::as_f64);
    rate.ok_or_else(|| format!("`pricket bench` told no {key}: {json}").into())
}
