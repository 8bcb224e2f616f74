//! `pricket bench`: how fast a model runs here, and in how much memory.
//!
//! What is timed is the forward pass alone, over tokens that are fixed beforehand: no text, no
//! sampling. That is what `llama-bench` times, so that the two can stand side by side.

use std::time::{Duration, Instant};

use pricket::models::{self, Backend, LogitsWanted, ModelError};
use pricket::simd::{Kernels, default_threads};
use serde::Serialize;

use crate::args::BenchArgs;
use crate::config::{BACKEND, Config};
use crate::error::CliError;
use crate::forward::{self, Forward};
use crate::interrupt::Interrupt;
use crate::limits::BENCH_SEQUENCES_MAX;
use crate::terminal::Terminal;
use crate::{load, locate, table};

/// Tokens given to the model at once: as many as `llama-bench` gives, by its `-ub`. The engine
/// gives fewer, to notice a dropped stream sooner.
const PREFILL_CHUNK: usize = 512;

/// What was measured. Rates are medians over the repeats, `None` where there was nothing to
/// measure.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    architecture: String,
    quantization: String,
    parameters: u64,
    backend: String,
    simd: String,
    threads: usize,
    prompt_tokens: usize,
    generated_tokens: usize,
    depth: usize,
    batch: usize,
    repeat: usize,
    load_seconds: f64,
    /// Of one sequence.
    prefill_tokens_per_second: Option<f64>,
    prefill_spread: Option<Spread>,
    /// Of all sequences together.
    decode_tokens_per_second: Option<f64>,
    decode_spread: Option<Spread>,
    weight_bytes: u64,
    kv_bytes_per_token: u64,
    /// The most memory that the process ever held (`VmHWM`); `None` where the system does not tell.
    peak_memory_bytes: Option<u64>,
}

/// The slowest and the fastest of the repeats, in tokens per second.
#[derive(Debug, Clone, Copy, Serialize)]
struct Spread {
    min: f64,
    max: f64,
}

/// The rates of the repeats, in tokens per second.
#[derive(Debug, Default)]
struct Rates {
    prefill: Vec<f64>,
    decode: Vec<f64>,
}

/// Measures loading, prefill and decode.
pub(crate) fn bench(
    args: &BenchArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    if args.prompt == 0 && args.generate == 0 {
        let why = "with --prompt 0 and --generate 0 there is nothing to measure";
        return Err(CliError::Usage(why.to_owned()));
    }
    if args.batch > BENCH_SEQUENCES_MAX {
        let batch = args.batch;
        return Err(CliError::Usage(format!(
            "--batch {batch} is more than the {BENCH_SEQUENCES_MAX} sequences that bench runs"
        )));
    }
    let options = load::options(config)?;
    let model = config.model(args.model.as_deref())?;
    let path = locate::locate(model, config, terminal, interrupt)?;
    let started = Instant::now();
    let opened = models::open(&path, &options, &mut |_| {})?;
    load::note_experts(opened.model.spec(), terminal);
    let load_seconds = started.elapsed().as_secs_f64();

    let spec = opened.model.spec().clone();
    let tokens_max = args.depth.saturating_add(args.prompt.max(args.generate));
    forward::check_context(&spec, tokens_max, "--prompt, --generate or --depth")?;
    let mut forward = Forward::new(opened.model, args.batch, tokens_max)?;
    let mut rates = measure(&mut forward, args)?;
    let (prefill_tokens_per_second, prefill_spread) = told(&mut rates.prefill);
    let (decode_tokens_per_second, decode_spread) = told(&mut rates.decode);
    let report = Report {
        model: model.to_owned(),
        backend: config.text(&BACKEND).unwrap_or_default().to_owned(),
        simd: simd(options.backend)?,
        threads: options.threads.unwrap_or_else(default_threads),
        prompt_tokens: args.prompt,
        generated_tokens: args.generate,
        depth: args.depth,
        batch: args.batch,
        repeat: args.repeat,
        load_seconds,
        prefill_tokens_per_second,
        prefill_spread,
        decode_tokens_per_second,
        decode_spread,
        weight_bytes: spec.weight_bytes,
        kv_bytes_per_token: spec.kv_bytes_per_token,
        architecture: spec.architecture,
        quantization: spec.quantization,
        parameters: spec.parameters,
        peak_memory_bytes: peak_memory_bytes(),
    };
    if args.json { terminal.json(&report) } else { print(&report, terminal) }
}

/// The instruction set of our own kernels; candle chooses for itself.
fn simd(backend: Backend) -> Result<String, CliError> {
    match backend {
        Backend::Cpu => Ok(Kernels::detect().map_err(ModelError::from)?.level().to_string()),
        _ => Ok("candle's own".to_owned()),
    }
}

/// Fills every sequence to the depth, then times prefill and decode by turns from there.
fn measure(forward: &mut Forward, args: &BenchArgs) -> Result<Rates, CliError> {
    let vocab_size = forward.spec().vocab_size;
    let ids = tokens(args.depth + args.prompt.max(args.generate), vocab_size);
    let (before, after) = ids.split_at(args.depth);
    let (prompt, generated) = (&after[..args.prompt], &after[..args.generate]);
    for sequence in 0..forward.sequences() {
        for chunk in before.chunks(PREFILL_CHUNK) {
            forward.extend_one(sequence, chunk, LogitsWanted::None)?;
        }
    }
    let mut rates = Rates::default();
    // The first round fills caches and wakes threads; it is not counted.
    for round in 0..=args.repeat {
        if !prompt.is_empty() {
            let took = time_prefill(forward, prompt)?.as_secs_f64();
            if round > 0 {
                rates.prefill.push(prompt.len() as f64 / took);
            }
            forward.rewind(args.depth)?;
        }
        if !generated.is_empty() {
            let took = time_decode(forward, generated)?.as_secs_f64();
            if round > 0 {
                rates.decode.push((generated.len() * forward.sequences()) as f64 / took);
            }
            forward.rewind(args.depth)?;
        }
    }
    Ok(rates)
}

/// Runs a prompt through the first sequence, up to the logits after its last token.
fn time_prefill(forward: &mut Forward, prompt: &[u32]) -> Result<Duration, CliError> {
    let started = Instant::now();
    let chunks = prompt.len().div_ceil(PREFILL_CHUNK);
    for (index, chunk) in prompt.chunks(PREFILL_CHUNK).enumerate() {
        let last = index + 1 == chunks;
        forward.extend(chunk, if last { LogitsWanted::Last } else { LogitsWanted::None })?;
    }
    Ok(started.elapsed())
}

/// Runs token after token of every sequence, all sequences in one batch, each up to its logits.
fn time_decode(forward: &mut Forward, generated: &[u32]) -> Result<Duration, CliError> {
    let mut row = vec![0; forward.sequences()];
    let started = Instant::now();
    for &token in generated {
        row.fill(token);
        forward.step(&row)?;
    }
    Ok(started.elapsed())
}

/// The same tokens each time, spread over the vocabulary: Knuth's multiplicative hash of the
/// position (The Art of Computer Programming 3, 6.4).
fn tokens(count: usize, vocab_size: usize) -> Vec<u32> {
    let hash = |position: usize| (position as u32).wrapping_mul(2_654_435_761) >> 8;
    (0..count).map(|position| hash(position) % vocab_size.max(1) as u32).collect()
}

/// The median and the ends of the values, which come back sorted; `None` where there are none.
fn told(values: &mut [f64]) -> (Option<f64>, Option<Spread>) {
    values.sort_by(f64::total_cmp);
    let (Some(&min), Some(&max)) = (values.first(), values.last()) else { return (None, None) };
    let upper = values.get(values.len() / 2).copied();
    let lower = values.get((values.len() - 1) / 2).copied();
    let median = upper.zip(lower).map(|(upper, lower)| lower.midpoint(upper));
    (median, Some(Spread { min, max }))
}

/// The most memory that this process ever held, as Linux counts it.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn print(report: &Report, terminal: &mut Terminal) -> Result<(), CliError> {
    let size = |bytes: u64| pricket::core::ByteSize(bytes).to_string();
    let depth = if report.depth > 0 { format!(" at {}", report.depth) } else { String::new() };
    let side = if report.batch > 1 { format!(" x{}", report.batch) } else { String::new() };
    let mut rows = vec![
        ["model".to_owned(), report.model.clone()],
        ["weights".to_owned(), format!("{}, {}", report.quantization, size(report.weight_bytes))],
        [
            "runs on".to_owned(),
            format!("{}, {}, {} threads", report.backend, report.simd, report.threads),
        ],
        ["load".to_owned(), format!("{:.2} s", report.load_seconds)],
    ];
    let rates = [
        (
            format!("prefill {}{depth}", report.prompt_tokens),
            report.prefill_tokens_per_second.zip(report.prefill_spread),
        ),
        (
            format!("decode {}{side}{depth}", report.generated_tokens),
            report.decode_tokens_per_second.zip(report.decode_spread),
        ),
    ];
    for (name, measured) in rates {
        if let Some((rate, Spread { min, max })) = measured {
            rows.push([name, format!("{rate:.1} tok/s ({min:.1} to {max:.1})")]);
        }
    }
    let peak = report.peak_memory_bytes.map_or_else(|| "unknown".to_owned(), size);
    rows.push(["peak memory".to_owned(), peak]);
    terminal.line(table::columns(&rows))
}
