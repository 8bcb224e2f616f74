//! `pricket bench`: how fast a model runs here, and in how much memory.

use std::time::{Duration, Instant};

use pricket::models::{self, Backend, LogitsWanted, ModelError, ModelSpec};
use pricket::simd::{Kernels, default_threads};
use serde::Serialize;

use crate::args::BenchArgs;
use crate::config::{BACKEND, Config};
use crate::error::CliError;
use crate::forward::{Forward, most_likely};
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use crate::{load, locate, table};

/// Tokens given to the model at once, as the engine does by default.
const PREFILL_CHUNK: usize = 512;

/// What was measured. Rates are medians over the repeats.
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
    repeat: usize,
    load_seconds: f64,
    prefill_tokens_per_second: f64,
    prefill_spread: Spread,
    decode_tokens_per_second: f64,
    decode_spread: Spread,
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

/// Measures loading, prefill and decode.
pub(crate) fn bench(
    args: &BenchArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let options = load::options(config);
    let model = config.model(args.model.as_deref())?;
    let path = locate::locate(model, config, terminal, interrupt)?;
    let started = Instant::now();
    let opened = models::open(&path, &options, &mut |_| {})?;
    let load_seconds = started.elapsed().as_secs_f64();

    let spec = opened.model.spec().clone();
    let tokens_max = args.depth + args.prompt.max(args.generate + 1);
    if tokens_max > spec.context_length {
        let have = spec.context_length;
        return Err(CliError::Usage(format!(
            "the bench needs a context of {tokens_max} tokens, but the model was trained for \
             {have}; give a smaller --prompt, --generate or --depth"
        )));
    }
    let mut forward = Forward::new(opened.model, tokens_max)?;
    let mut prefill = Vec::with_capacity(args.repeat);
    let mut decode = Vec::with_capacity(args.repeat);
    // The first round fills caches and wakes threads; it is not counted.
    for round in 0..=args.repeat {
        let prefilled = time_prefill(&mut forward, args, &spec)?;
        let decoded = time_decode(&mut forward, args, &spec)?;
        if round > 0 {
            prefill.push(args.prompt as f64 / prefilled.as_secs_f64());
            decode.push(args.generate as f64 / decoded.as_secs_f64());
        }
    }
    let report = Report {
        model: model.to_owned(),
        backend: config.text(&BACKEND).unwrap_or_default().to_owned(),
        simd: simd(options.backend)?,
        threads: options.threads.unwrap_or_else(default_threads),
        prompt_tokens: args.prompt,
        generated_tokens: args.generate,
        depth: args.depth,
        repeat: args.repeat,
        load_seconds,
        prefill_tokens_per_second: median(&mut prefill),
        prefill_spread: spread(&prefill),
        decode_tokens_per_second: median(&mut decode),
        decode_spread: spread(&decode),
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

/// Runs the prompt through an empty sequence that already has `depth` tokens.
fn time_prefill(
    forward: &mut Forward,
    args: &BenchArgs,
    spec: &ModelSpec,
) -> Result<Duration, CliError> {
    let ids = tokens(args.depth + args.prompt, spec.vocab_size);
    let (before, prompt) = ids.split_at(args.depth);
    forward.restart()?;
    for chunk in before.chunks(PREFILL_CHUNK) {
        forward.extend(chunk, LogitsWanted::None)?;
    }
    let started = Instant::now();
    let chunks = prompt.len().div_ceil(PREFILL_CHUNK);
    for (index, chunk) in prompt.chunks(PREFILL_CHUNK).enumerate() {
        let last = index + 1 == chunks;
        forward.extend(chunk, if last { LogitsWanted::Last } else { LogitsWanted::None })?;
    }
    Ok(started.elapsed())
}

/// Generates token after token by the most likely one.
fn time_decode(
    forward: &mut Forward,
    args: &BenchArgs,
    spec: &ModelSpec,
) -> Result<Duration, CliError> {
    let ids = tokens(args.depth + 1, spec.vocab_size);
    forward.restart()?;
    let mut next = 0;
    for chunk in ids.chunks(PREFILL_CHUNK) {
        next = most_likely(forward.extend(chunk, LogitsWanted::Last)?.row(0));
    }
    let started = Instant::now();
    for _ in 0..args.generate {
        next = most_likely(forward.extend(&[next], LogitsWanted::Last)?.row(0));
    }
    Ok(started.elapsed())
}

/// The same tokens each time, spread over the vocabulary: Knuth's multiplicative hash of the
/// position (The Art of Computer Programming 3, 6.4).
fn tokens(count: usize, vocab_size: usize) -> Vec<u32> {
    let hash = |position: usize| (position as u32).wrapping_mul(2_654_435_761) >> 8;
    (0..count).map(|position| hash(position) % vocab_size.max(1) as u32).collect()
}

/// Sorts the values and gives the middle one.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(&upper), 0) => values.get(middle - 1).map_or(upper, |&lower| lower.midpoint(upper)),
        (Some(&value), _) => value,
        (None, _) => f64::NAN,
    }
}

fn spread(sorted: &[f64]) -> Spread {
    let at = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
    Spread { min: at(sorted.first()), max: at(sorted.last()) }
}

/// The most memory that this process ever held, as Linux counts it.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn print(report: &Report, terminal: &mut Terminal) -> Result<(), CliError> {
    let rate = |rate: f64, spread: Spread| {
        format!("{rate:.1} tok/s ({:.1} to {:.1})", spread.min, spread.max)
    };
    let size = |bytes: u64| pricket::core::ByteSize(bytes).to_string();
    let depth = if report.depth > 0 { format!(" at {}", report.depth) } else { String::new() };
    let rows = [
        ["model".to_owned(), report.model.clone()],
        ["weights".to_owned(), format!("{}, {}", report.quantization, size(report.weight_bytes))],
        [
            "runs on".to_owned(),
            format!("{}, {}, {} threads", report.backend, report.simd, report.threads),
        ],
        ["load".to_owned(), format!("{:.2} s", report.load_seconds)],
        [
            format!("prefill {}{depth}", report.prompt_tokens),
            rate(report.prefill_tokens_per_second, report.prefill_spread),
        ],
        [
            format!("decode {}{depth}", report.generated_tokens),
            rate(report.decode_tokens_per_second, report.decode_spread),
        ],
        [
            "peak memory".to_owned(),
            report.peak_memory_bytes.map_or_else(|| "unknown".to_owned(), size),
        ],
    ];
    terminal.line(table::columns(&rows))
}
