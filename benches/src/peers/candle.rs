//! candle's own `quantized_llama`, in builds with the feature `candle-peer`.

use std::path::Path;
use std::process::Command;

use super::{Peer, Run, Task, process};
use crate::Failure;

/// Tells the bench's own program that it is the child that runs candle.
const VARIABLE: &str = "PRICKET_BENCH_CANDLE";

/// candle in a process of its own, because its pool of threads is made once for a process.
#[derive(Debug, Clone, Copy)]
pub struct Candle;

impl Candle {
    /// Its name in the table and on the command line.
    pub const NAME: &'static str = "candle";

    /// Whether this build has candle.
    pub fn is_built() -> bool {
        cfg!(feature = "candle-peer")
    }

    /// In the child that [`Peer::rate`] starts: the rate that it prints. `None` in any other
    /// process.
    pub fn child(arguments: &[String]) -> Option<Result<f64, Failure>> {
        std::env::var_os(VARIABLE)?;
        let [model, name] = arguments else {
            return Some(Err("the child takes a model and a task".into()));
        };
        let task = Task::named(name).ok_or_else(|| format!("`{name}` is no task").into());
        Some(task.and_then(|task| run(Path::new(model), &task)))
    }
}

impl Peer for Candle {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn origin(&self) -> String {
        "candle-transformers, built in".to_owned()
    }

    fn settings(&self) -> Vec<&'static str> {
        vec![""]
    }

    fn rate(&mut self, run: &Run, _setting: &str) -> Result<f64, Failure> {
        if run.task.batch > 1 {
            return Err("it runs no sequences side by side".into());
        }
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(run.model).arg(run.task.name).env(VARIABLE, "1");
        command.env("RAYON_NUM_THREADS", run.threads.to_string());
        Ok(process::output(&mut command)?.trim().parse()?)
    }
}

/// Runs the task twice and times the second.
#[cfg(feature = "candle-peer")]
fn run(path: &Path, task: &Task) -> Result<f64, Failure> {
    use std::time::Instant;

    use candle_core::quantized::gguf_file::Content;
    use candle_core::{Device, Tensor};
    use candle_transformers::models::quantized_llama::ModelWeights;

    let mut reader = std::io::BufReader::new(std::fs::File::open(path)?);
    let content = Content::read(&mut reader)?;
    let tokens = content.metadata.get("tokenizer.ggml.tokens");
    let vocab = tokens.and_then(|value| value.to_vec().ok()).map_or(32_000, Vec::len);
    let mut model = ModelWeights::from_gguf(content, &mut reader, &Device::Cpu)?;
    let ids = |count: usize| -> Vec<u32> {
        (0..count).map(|index| ((index * 7919 + 13) % vocab) as u32).collect()
    };
    let mut rate = 0.0;
    for _ in 0..2 {
        // A pass at position 0 forgets what was before it.
        if task.depth > 0 {
            let input = Tensor::new(ids(task.depth), &Device::Cpu)?.unsqueeze(0)?;
            model.forward(&input, 0)?;
        }
        let started = Instant::now();
        if task.is_prefill() {
            let input = Tensor::new(ids(task.prompt), &Device::Cpu)?.unsqueeze(0)?;
            model.forward(&input, task.depth)?.squeeze(0)?.to_vec1::<f32>()?;
        }
        for (index, id) in ids(task.generate).into_iter().enumerate() {
            let input = Tensor::new(&[id], &Device::Cpu)?.unsqueeze(0)?;
            model.forward(&input, task.depth + index)?.squeeze(0)?.to_vec1::<f32>()?;
        }
        rate = (task.prompt + task.generate) as f64 / started.elapsed().as_secs_f64();
    }
    Ok(rate)
}

#[cfg(not(feature = "candle-peer"))]
fn run(_path: &Path, _task: &Task) -> Result<f64, Failure> {
    Err("this build has no candle; build it with the feature `candle-peer`".into())
}
