//! Ours beside llama.cpp's tools, and candle's `quantized_llama` in a build that has it, on the
//! same files: prefill of 512 and of 32 tokens, decode, decode at a depth of 2048, decode of 8
//! sequences.
//!
//! `cargo bench -p pricket-benches [--features candle-peer] --bench peers -- [--rounds 3]
//! [--threads N] [--tasks prefill-512,decode-128] FILE...`
//!
//! The sides take turns, each measurement in a process of its own that warms up first; llama.cpp
//! tries both settings of flash attention in the first round and keeps the better one. What the
//! machine can do is measured before and after each file.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]

use std::path::{Path, PathBuf};

use pricket::simd::default_threads;
use pricket_benches::peers::{Candle, HEADER, LlamaCpp, Measured, Pricket, Task, Work};
use pricket_benches::{Failure, Limits};

/// A machine that lost more than this between two controls was not the same machine.
const CONTROL_LOSS: f64 = 0.1;

struct Options {
    rounds: usize,
    threads: usize,
    tasks: Vec<Task>,
    files: Vec<PathBuf>,
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            rounds: 3,
            threads: default_threads(),
            tasks: Task::ALL.to_vec(),
            files: Vec::new(),
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--rounds" => options.rounds = value()?.parse()?,
                "--threads" => options.threads = value()?.parse()?,
                "--tasks" => {
                    let task = |name: &str| {
                        let known = Task::ALL.map(|task| task.name).join(", ");
                        Task::named(name).ok_or_else(|| format!("`{name}` is none of {known}"))
                    };
                    options.tasks = value()?.split(',').map(task).collect::<Result<_, _>>()?;
                }
                flag if flag.starts_with("--") => return Err(format!("{flag} is unknown").into()),
                file => options.files.push(file.into()),
            }
        }
        if options.rounds == 0 || options.threads == 0 {
            return Err("--rounds and --threads are at least 1".into());
        }
        Ok(options)
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let Some(rate) = Candle::child(&arguments) {
        println!("{}", rate?);
        return Ok(());
    }
    let options = Options::read(&arguments)?;
    if options.files.is_empty() {
        eprintln!("SKIPPED: the bench `peers` wants GGUF files");
        return Ok(());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let llama = match LlamaCpp::find(&workspace) {
        Ok(llama) => Some(llama),
        Err(absent) => {
            eprintln!("SKIPPED: llama.cpp: {absent}");
            None
        }
    };
    if !Candle::is_built() {
        eprintln!("SKIPPED: candle: it runs with `--features candle-peer`");
    }
    let pricket = Pricket::build(&workspace)?;
    let limits = Limits::new(options.threads);
    for file in &options.files {
        compare(file, &options, &pricket, llama.as_ref(), &limits)?;
    }
    Ok(())
}

/// All rounds of all tasks on one file, and its table.
fn compare(
    file: &Path,
    options: &Options,
    pricket: &Pricket,
    llama: Option<&LlamaCpp>,
    limits: &Limits,
) -> Result<(), Failure> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let work = Work::of(file)?;
    let before = [limits.int8_operations(), limits.read_bytes()];
    let mut table: Vec<Measured> = options.tasks.iter().copied().map(Measured::new).collect();
    let mut candle = Candle::is_built();
    for round in 0..options.rounds {
        for measured in &mut table {
            let task = *measured.task();
            eprintln!("{name}: round {} of {}: {}", round + 1, options.rounds, task.name);
            measured.add_ours(pricket.measure(file, &task, options.threads)?);
            for flash in measured.settings() {
                if let Some(llama) = llama {
                    let rate = llama.measure(file, &task, options.threads, flash)?;
                    measured.add_theirs(flash, rate);
                }
            }
            if candle {
                match Candle.measure(file, &task, options.threads) {
                    Ok(rate) => rate.into_iter().for_each(|rate| measured.add_candle(rate)),
                    // An architecture that quantized_llama does not read.
                    Err(why) => {
                        eprintln!("SKIPPED: candle on {name}: {why}");
                        candle = false;
                    }
                }
            }
        }
    }
    let after = [limits.int8_operations(), limits.read_bytes()];
    let [operations, bytes] = [before[0].max(after[0]), before[1].max(after[1])];
    println!(
        "\n{name}, {} threads, medians of {} rounds\n\n{HEADER}",
        options.threads, options.rounds
    );
    for measured in &table {
        let share = work.share(measured.task(), measured.ours(), operations, bytes);
        println!("{}", measured.line(&name, share));
    }
    println!(
        "\nThe machine before and after: {:.0} and {:.0} GOPS of 8-bit products, {:.1} and {:.1} \
         GB/s read.",
        before[0] / 1e9,
        after[0] / 1e9,
        before[1] / 1e9,
        after[1] / 1e9
    );
    if before.iter().zip(after).any(|(before, after)| after < before * (1.0 - CONTROL_LOSS)) {
        println!("It became slower by more than a tenth meanwhile: measure again.");
    }
    Ok(())
}
