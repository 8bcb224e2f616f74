//! llama.cpp's own tools: `llama-bench`, and `llama-batched-bench` for sequences side by side.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Peer, Run, Task, process};
use crate::Failure;

const BENCH: &str = "llama-bench";
const BATCHED: &str = "llama-batched-bench";
/// Names the folder that holds both tools.
const VARIABLE: &str = "PRICKET_PEER_LLAMA";

/// How attention is computed; which is faster depends on the model and the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlashAttention {
    /// `-fa 0`
    Off,
    /// `-fa 1`
    On,
}

impl FlashAttention {
    /// Both settings.
    pub const ALL: [Self; 2] = [Self::Off, Self::On];

    /// The value of `-fa`, which both tools understand.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
        }
    }

    /// Its name in the table.
    fn setting(self) -> &'static str {
        match self {
            Self::Off => "fa off",
            Self::On => "fa on",
        }
    }
}

/// llama.cpp's tools.
#[derive(Debug, Clone)]
pub struct LlamaCpp {
    bench: PathBuf,
    batched: PathBuf,
}

impl LlamaCpp {
    /// Its name in the table and on the command line.
    pub const NAME: &'static str = "llama.cpp";

    /// Looks into the folder that `PRICKET_PEER_LLAMA` names; without it into
    /// `../peers/llama.cpp/bin` beside the workspace, then into `PATH`.
    ///
    /// # Errors
    /// Where the tools are in none of them; the message says where was looked and what to do.
    pub fn find(workspace: &Path) -> Result<Self, Failure> {
        let named = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty());
        let folders: Vec<PathBuf> = match &named {
            Some(folder) => vec![folder.into()],
            None => std::iter::once(workspace.join("../peers/llama.cpp/bin"))
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()))
                .collect(),
        };
        let both = |folder: &PathBuf| {
            let tool = |name| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            let found = Self { bench: tool(BENCH), batched: tool(BATCHED) };
            (found.bench.is_file() && found.batched.is_file()).then_some(found)
        };
        folders.iter().find_map(both).ok_or_else(|| {
            let place = match named {
                Some(folder) => format!("in {} ({VARIABLE})", folder.display()),
                None => "in ../peers/llama.cpp/bin or in PATH".to_owned(),
            };
            format!(
                "there is no {BENCH} with {BATCHED} {place}; build llama.cpp's tools and name \
                 their folder in {VARIABLE}"
            )
            .into()
        })
    }

    /// Where the tools are.
    pub fn folder(&self) -> &Path {
        self.bench.parent().unwrap_or(&self.bench)
    }

    /// Tokens per second. Both tools warm up before they time.
    pub fn measure(
        &self,
        model: &Path,
        task: &Task,
        threads: usize,
        flash: FlashAttention,
    ) -> Result<f64, Failure> {
        if task.batch > 1 {
            let mut command = command(&self.batched, model, threads, flash);
            let context = task.batch * (task.depth + task.generate);
            for (flag, value) in [
                ("-c", context.next_multiple_of(256)),
                ("-npp", task.depth),
                ("-ntg", task.generate),
                ("-npl", task.batch),
            ] {
                command.args([flag, &value.to_string()]);
            }
            command.args(["--output-format", "jsonl"]);
            return batched_rate(&process::output(&mut command)?);
        }
        let mut command = command(&self.bench, model, threads, flash);
        for (flag, value) in [("-p", task.prompt), ("-n", task.generate), ("-d", task.depth)] {
            command.args([flag, &value.to_string()]);
        }
        command.args(["-r", "1", "-o", "json"]);
        bench_rate(&process::output(&mut command)?, task)
    }

    /// Tokens per second of so many sequences at once, each with a prompt of its own and an answer:
    /// all tokens by all the time.
    ///
    /// # Errors
    /// Where the tool fails or prints something else.
    pub fn together(
        &self,
        model: &Path,
        [prompt, answer, count]: [usize; 3],
        threads: usize,
        flash: FlashAttention,
    ) -> Result<f64, Failure> {
        let mut command = command(&self.batched, model, threads, flash);
        let context = (count * (prompt + answer)).next_multiple_of(256);
        for (flag, value) in [("-c", context), ("-npp", prompt), ("-ntg", answer), ("-npl", count)]
        {
            command.args([flag, &value.to_string()]);
        }
        command.args(["--output-format", "jsonl"]);
        batched_number(&process::output(&mut command)?, "speed")
    }

    /// What computes one token, says so and ends: `llama-bench` without its warm-up.
    pub fn first(&self, model: &Path, threads: usize) -> Command {
        let mut command = Command::new(&self.bench);
        command.arg("-m").arg(model).args(["-t", &threads.to_string()]);
        command.args(["-p", "0", "-n", "1", "-r", "1", "--no-warmup", "-o", "jsonl"]);
        command
    }
}

impl Peer for LlamaCpp {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn origin(&self) -> String {
        self.folder().display().to_string()
    }

    fn settings(&self) -> Vec<&'static str> {
        FlashAttention::ALL.map(FlashAttention::setting).to_vec()
    }

    fn rate(&mut self, run: &Run, setting: &str) -> Result<f64, Failure> {
        let flash = FlashAttention::ALL.into_iter().find(|flash| flash.setting() == setting);
        let flash = flash.ok_or_else(|| format!("`{setting}` is no setting"))?;
        self.measure(run.model, run.task, run.threads, flash)
    }
}

fn command(tool: &Path, model: &Path, threads: usize, flash: FlashAttention) -> Command {
    let mut command = Command::new(tool);
    command.arg("-m").arg(model).args(["-t", &threads.to_string(), "-fa", flash.name()]);
    command
}

/// Reads the rate of a task from what `llama-bench -o json` printed: an array with an object for
/// each test, of which `avg_ts` is the rate.
pub fn bench_rate(json: &str, task: &Task) -> Result<f64, Failure> {
    let tests: Vec<Value> = serde_json::from_str(json)?;
    let is = |test: &Value, key: &str, count: usize| {
        test.get(key).and_then(Value::as_u64) == Some(count as u64)
    };
    tests
        .iter()
        .find(|test| is(test, "n_prompt", task.prompt) && is(test, "n_gen", task.generate))
        .filter(|test| is(test, "n_depth", task.depth))
        .and_then(|test| test.get("avg_ts")?.as_f64())
        .ok_or_else(|| format!("{BENCH} told no rate of {}: {json}", task.name).into())
}

/// Reads the decode rate of all sequences together from what `llama-batched-bench` printed: a line
/// of JSON with `speed_tg`, among lines of its log.
pub fn batched_rate(lines: &str) -> Result<f64, Failure> {
    batched_number(lines, "speed_tg")
}

fn batched_number(lines: &str, field: &str) -> Result<f64, Failure> {
    lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|object| object.get(field)?.as_f64())
        .ok_or_else(|| format!("{BATCHED} told no `{field}`: {lines}").into())
}
