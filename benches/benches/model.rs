//! Load time, prefill, decode and peak memory of a whole model, ours beside candle's own
//! `quantized_llama` on the same file, in one run.
//!
//! `cargo bench -p pricket-benches --features candle-peer --bench model -- MODEL.gguf [PROMPT]
//! [GENERATE] [ROUNDS]`. Each measurement is a fresh process, because peak memory is a process's;
//! the two sides alternate, and the table gives medians.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use pricket::models::{Batch, Logits, LogitsWanted, OpenOptions, open};

type Failure = Box<dyn Error>;

/// One side's figures of one round: seconds to load, prefill and decode tokens per second, peak
/// resident bytes.
type Figures = [f64; 4];

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |index: usize, default: usize| -> Result<usize, Failure> {
        arguments.get(index).map_or(Ok(default), |text| Ok(text.parse()?))
    };
    let Some(model) = arguments.first() else {
        eprintln!("SKIPPED: the bench `model` wants the path of a GGUF file");
        return Ok(());
    };
    let (prompt, generate) = (number(1, 128)?, number(2, 32)?);
    if let Ok(side) = std::env::var("PRICKET_BENCH_SIDE") {
        let figures = match side.as_str() {
            "ours" => ours(Path::new(model), prompt, generate)?,
            _ => candle(Path::new(model), prompt, generate)?,
        };
        println!("{}", figures.map(|figure| figure.to_string()).join(" "));
        return Ok(());
    }
    let rounds = number(3, 3)?;
    let sides: &[&str] =
        if cfg!(feature = "candle-peer") { &["ours", "candle"] } else { &["ours"] };
    let mut figures: Vec<Vec<Figures>> = vec![Vec::new(); sides.len()];
    for _ in 0..rounds {
        for (side, figures) in sides.iter().zip(&mut figures) {
            figures.push(child(side, &arguments)?);
        }
    }
    println!("| side | load s | prefill {prompt} tok/s | decode {generate} tok/s | peak MiB |");
    println!("|---|---|---|---|---|");
    for (side, figures) in sides.iter().zip(&figures) {
        let [load, prefill, decode, peak] =
            std::array::from_fn(|column| median(figures.iter().map(|row| row[column]).collect()));
        let peak = peak / f64::from(1 << 20);
        println!("| {side} | {load:.3} | {prefill:.1} | {decode:.1} | {peak:.1} |");
    }
    Ok(())
}

/// A round of one side in a process of its own.
fn child(side: &str, arguments: &[String]) -> Result<Figures, Failure> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .env("PRICKET_BENCH_SIDE", side)
        .output()?;
    if !output.status.success() {
        return Err(format!("{side}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    numbers.try_into().map_err(|_| format!("{side} printed `{text}`").into())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The highest resident size of this process, in bytes (Linux: `VmHWM`).
fn peak_bytes() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).ok_or("no VmHWM")?;
    let kib: f64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
    Ok(kib * 1024.0)
}

/// Token ids that no cache can guess: the same for both sides.
fn ids(count: usize, vocab: usize) -> Vec<u32> {
    (0..count).map(|index| ((index * 7919 + 13) % vocab) as u32).collect()
}

fn greedy(row: &[f32]) -> u32 {
    let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.map_or(0, |(id, _)| id as u32)
}

fn ours(path: &Path, prompt: usize, generate: usize) -> Result<Figures, Failure> {
    let start = Instant::now();
    let mut model = open(path, &OpenOptions::default(), &mut |_| ())?.model;
    let load = start.elapsed().as_secs_f64();
    let mut cache = model.new_cache(1, prompt + generate + 1)?;
    let sequence = cache.open_sequence()?;
    let (mut batch, mut logits) = (Batch::default(), Logits::default());
    batch.push(sequence, 0, &ids(prompt, model.spec().vocab_size), LogitsWanted::Last);
    let start = Instant::now();
    model.forward(&batch, &mut cache, &mut logits)?;
    let prefill = prompt as f64 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    for index in 0..generate {
        batch.clear();
        batch.push(sequence, prompt + index, &[greedy(logits.row(0))], LogitsWanted::Last);
        model.forward(&batch, &mut cache, &mut logits)?;
    }
    let decode = generate as f64 / start.elapsed().as_secs_f64();
    Ok([load, prefill, decode, peak_bytes()?])
}

#[cfg(feature = "candle-peer")]
fn candle(path: &Path, prompt: usize, generate: usize) -> Result<Figures, Failure> {
    use candle_core::quantized::gguf_file::Content;
    use candle_core::{Device, Tensor};
    use candle_transformers::models::quantized_llama::ModelWeights;

    let start = Instant::now();
    let mut reader = std::io::BufReader::new(std::fs::File::open(path)?);
    let content = Content::read(&mut reader)?;
    let vocab = content
        .metadata
        .get("tokenizer.ggml.tokens")
        .and_then(|value| value.to_vec().ok())
        .map_or(32_000, Vec::len);
    let mut model = ModelWeights::from_gguf(content, &mut reader, &Device::Cpu)?;
    let load = start.elapsed().as_secs_f64();
    let input = Tensor::new(ids(prompt, vocab), &Device::Cpu)?.unsqueeze(0)?;
    let start = Instant::now();
    let mut logits = model.forward(&input, 0)?.squeeze(0)?.to_vec1::<f32>()?;
    let prefill = prompt as f64 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    for index in 0..generate {
        let input = Tensor::new(&[greedy(&logits)], &Device::Cpu)?.unsqueeze(0)?;
        logits = model.forward(&input, prompt + index)?.squeeze(0)?.to_vec1::<f32>()?;
    }
    let decode = generate as f64 / start.elapsed().as_secs_f64();
    Ok([load, prefill, decode, peak_bytes()?])
}

#[cfg(not(feature = "candle-peer"))]
fn candle(_path: &Path, _prompt: usize, _generate: usize) -> Result<Figures, Failure> {
    Err("this build has no candle; build it with the feature `candle-peer`".into())
}
