//! The engine with many requests: how much they get done together, how long a running answer waits
//! while a long prompt comes in, and what a prompt costs that begins as an earlier one.
//!
//! `cargo bench -p pricket-benches --bench engine -- [--rounds 3] [--threads N]
//! [--parts together,latency,prefix] [--requests 1,2,4,8,16,32] FILE...`
//!
//! `together`: requests of 128 prompt tokens and 128 answer tokens, all submitted at once; the
//! tokens of all, prompts and answers, by the time to the last answer's end, beside
//! `llama-batched-bench` on the same numbers in the same run, at its better setting of flash
//! attention. `PRICKET_PEER_LLAMA` names the folder of llama.cpp's tools.
//!
//! `latency`: eight answers run; the time between two tokens of each, before and while a prompt of
//! 2,000 tokens is prefilled beside them.
//!
//! `prefix`: a conversation of 2,000 tokens, and its second turn; and 32 requests at once that
//! share a system prompt of 1,000 tokens.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pricket::core::{
    Completion, CompletionChunk, CompletionProvider, CompletionRequest, SamplingParams,
};
use pricket::engine::{Engine, EngineOptions};
use pricket::models::OpenOptions;
use pricket::simd::default_threads;
use pricket::stream::AsyncStream;
use pricket_benches::peers::{FlashAttention, LlamaCpp};
use pricket_benches::{Failure, Limits, Spread, median};

const PROMPT: usize = 128;
const ANSWER: usize = 128;
const LONG: usize = 2_000;

struct Options {
    rounds: usize,
    threads: usize,
    parts: Vec<String>,
    requests: Vec<usize>,
    files: Vec<PathBuf>,
}

fn main() -> Result<(), Failure> {
    let mut options = Options {
        rounds: 3,
        threads: default_threads(),
        parts: ["together", "latency", "prefix"].map(str::to_owned).to_vec(),
        requests: vec![1, 2, 4, 8, 16, 32],
        files: Vec::new(),
    };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--rounds" => options.rounds = value()?.parse()?,
            "--threads" => options.threads = value()?.parse()?,
            "--parts" => options.parts = value()?.split(',').map(str::to_owned).collect(),
            "--requests" => {
                options.requests = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            flag if flag.starts_with("--") => return Err(format!("{flag} is unknown").into()),
            file => options.files.push(PathBuf::from(file)),
        }
    }
    if options.files.is_empty() || options.rounds == 0 {
        eprintln!("SKIPPED: the bench `engine` wants model files and a round");
        return Ok(());
    }
    for file in &options.files {
        println!("\n{}, {} threads", name(file), options.threads);
        for part in &options.parts {
            match part.as_str() {
                "together" => together(file, &options)?,
                "latency" => latency(file, &options)?,
                "prefix" => prefix(file, &options)?,
                other => return Err(format!("`{other}` is no part").into()),
            }
        }
    }
    Ok(())
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn engine(file: &Path, options: &Options, prefix_cache: bool) -> Result<Engine, Failure> {
    let model = OpenOptions { threads: Some(options.threads), ..OpenOptions::default() };
    let sequences_max = options.requests.iter().copied().max().unwrap_or(1).max(32);
    let options = EngineOptions { model, sequences_max, prefix_cache, ..EngineOptions::default() };
    Ok(Engine::load(file, &options, &mut |_| ())?)
}

/// Ids that no other salt has.
fn ids(len: usize, salt: usize) -> Vec<u32> {
    (0..len).map(|i| 100 + ((i * 7_919 + salt * 104_729 + i / 7) % 20_000) as u32).collect()
}

fn request(prompt: Vec<u32>, answer: usize) -> CompletionRequest {
    let mut request = CompletionRequest::ids(prompt).max_tokens(answer);
    request.ignore_eos = true;
    request.sampling(SamplingParams::greedy())
}

/// Reads an answer to its end, and tells when each token came.
fn read(stream: AsyncStream<CompletionChunk>) -> Result<(Completion, Vec<Instant>), String> {
    let mut times = Vec::new();
    for chunk in stream {
        match chunk {
            CompletionChunk::Complete(done) => return Ok((*done, times)),
            CompletionChunk::Error(report) => return Err(report.message.clone()),
            _ => times.push(Instant::now()),
        }
    }
    Err("the answer has no end".to_owned())
}

/// All answers of requests that come at once, each read by a thread of its own.
fn read_all(
    engine: &Engine,
    requests: Vec<CompletionRequest>,
) -> Result<Vec<(Completion, Vec<Instant>)>, Failure> {
    let streams: Vec<_> = requests.into_iter().map(|request| engine.complete(request)).collect();
    let answers: Result<Vec<_>, String> = std::thread::scope(|scope| {
        let readers: Vec<_> =
            streams.into_iter().map(|stream| scope.spawn(move || read(stream))).collect();
        let ended = |_| Err("a reader panicked".to_owned());
        readers.into_iter().map(|reader| reader.join().unwrap_or_else(ended)).collect()
    });
    Ok(answers?)
}

fn together(file: &Path, options: &Options) -> Result<(), Failure> {
    let peer = match LlamaCpp::find(Path::new("..")) {
        Ok(peer) => Some(peer),
        Err(absent) => {
            eprintln!("SKIPPED: llama.cpp: {absent}");
            None
        }
    };
    let limits = Limits::new(options.threads);
    let control = || (limits.int8_operations() / 1e9, limits.read_bytes() / 1e9);
    let before = control();
    println!("\n| requests | pricket tok/s | of the answers | llama.cpp tok/s | ratio by round |");
    println!("|---|---|---|---|---|");
    for &count in &options.requests {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..options.rounds {
            // A process of llama.cpp has the machine's memory to itself; so has ours.
            let engine = engine(file, options, false)?;
            let requests = |salt| (0..count).map(move |i| request(ids(PROMPT, salt + i), ANSWER));
            read_all(&engine, requests(9_000).take(1).collect())?;
            let begun = Instant::now();
            read_all(&engine, requests(round * 1_000).collect())?;
            ours.push((count * (PROMPT + ANSWER)) as f64 / begun.elapsed().as_secs_f64());
            drop(engine);
            let Some(peer) = &peer else { continue };
            let best = FlashAttention::ALL.iter().try_fold(0.0_f64, |best, flash| {
                let rate = peer.together(file, [PROMPT, ANSWER, count], options.threads, *flash)?;
                Ok::<_, Failure>(best.max(rate))
            });
            theirs.push(best?);
        }
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
        let Spread { median: ratio, min, max, .. } = Spread::of(&ratios);
        let (own, answers) = (median(&ours), median(&ours) / 2.0);
        let other = median(&theirs);
        println!(
            "| {count} | {own:.0} | {answers:.0} | {other:.0} | {ratio:.2} ({min:.2} to {max:.2}) |"
        );
    }
    let after = control();
    println!(
        "\nThe machine before and after: {:.0} and {:.0} GOPS, {:.1} and {:.1} GB/s.",
        before.0, after.0, before.1, after.1
    );
    Ok(())
}

/// The `share` of the times, rising, that lies at or below what is given, in milliseconds.
fn quantile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let at = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

fn latency(file: &Path, options: &Options) -> Result<(), Failure> {
    const RUNNING: usize = 8;
    const TOKENS: usize = 400;
    println!("\n| round | between tokens, ms: p50, p99 | beside a prompt: p50, p99 | p99 by p99 |");
    println!("|---|---|---|---|");
    let engine = engine(file, options, false)?;
    for round in 0..options.rounds {
        let running = (0..RUNNING).map(|i| request(ids(PROMPT, round * 100 + i), TOKENS));
        let streams: Vec<_> = running.map(|request| engine.complete(request)).collect();
        let (times, prefill) = std::thread::scope(|scope| {
            let readers: Vec<_> =
                streams.into_iter().map(|stream| scope.spawn(move || read(stream))).collect();
            // Until all decode, and some more.
            while engine.stats().active < RUNNING || engine.stats().steps < 40 {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(Duration::from_secs(1));
            let begun = Instant::now();
            let long = read(engine.complete(request(ids(LONG, 77 + round), 1)));
            let prefill = long.map(|_| (begun, Instant::now()));
            let ended = |_| Err("a reader panicked".to_owned());
            let times: Result<Vec<_>, String> =
                readers.into_iter().map(|reader| reader.join().unwrap_or_else(ended)).collect();
            (times, prefill)
        });
        let ((begun, ended), times) = (prefill?, times?);
        let gaps = |within: bool| {
            let gaps = times.iter().flat_map(|(_, times)| times.windows(2));
            let beside = |pair: &[Instant]| pair[1] > begun && pair[0] < ended;
            // Before all prompts were in, nobody had a steady step.
            let all_run = times.iter().filter_map(|(_, times)| times.first()).max().copied();
            let steady = gaps.filter(move |pair| all_run.is_none_or(|all_run| pair[0] > all_run));
            let own = steady.filter(move |pair| beside(pair) == within);
            own.map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
        };
        let (mut apart, mut beside) = (gaps(false), gaps(true));
        let quantiles = |times: &mut Vec<Duration>| (quantile(times, 0.5), quantile(times, 0.99));
        let ((a50, a99), (b50, b99)) = (quantiles(&mut apart), quantiles(&mut beside));
        let took = (ended - begun).as_secs_f64();
        println!(
            "| {round} | {a50:.1}, {a99:.1} of {} | {b50:.1}, {b99:.1} of {}, prompt {took:.2} s \
             | {:.2} |",
            apart.len(),
            beside.len(),
            b99 / a99
        );
        engine.reset_stats();
    }
    Ok(())
}

fn prefix(file: &Path, options: &Options) -> Result<(), Failure> {
    const SHARED: usize = 1_000;
    println!("\n| what | computed tokens | ms to the first token |");
    println!("|---|---|---|");
    let engine = engine(file, options, true)?;
    let line = |what: &str, done: &Completion| {
        let computed = done.usage.prompt_tokens - done.usage.cached_tokens;
        println!("| {what} | {computed} | {:.1} |", done.timings.first_token_ms);
    };
    for round in 0..options.rounds {
        let mut turn = ids(LONG, 500 + round);
        let first = read_all(&engine, vec![request(turn.clone(), 16)])?;
        turn.extend(ids(16, 600 + round));
        let second = read_all(&engine, vec![request(turn, 16)])?;
        if let (Some((first, _)), Some((second, _))) = (first.first(), second.first()) {
            line("first turn", first);
            line("second turn", second);
            let share = second.timings.first_token_ms / first.timings.first_token_ms;
            println!("| second by first | | {share:.3} |");
        }
        let shared = ids(SHARED, 700 + round);
        let own = |i: usize| shared.iter().copied().chain(ids(20, 800 + i)).collect();
        let all = read_all(&engine, (0..32).map(|i| request(own(i), 8)).collect())?;
        let computed: usize =
            all.iter().map(|(done, _)| done.usage.prompt_tokens - done.usage.cached_tokens).sum();
        println!("| 32 that share {SHARED}, with 20 of their own each | {computed} | |");
    }
    Ok(())
}
