//! Experts on disk: a mixture of Kimi-K2's widths whose experts do not fit into the memory that
//! they are given, its peak memory beside what `inspect` announces, its speed beside the disk's.
//!
//! `cargo bench -p pricket-benches --bench disk -- [--layers 2] [--experts 96] [--memory-mib 1024]
//! [--prompt 32] [--tokens 8] [--threads N] [--folder FOLDER]`
//!
//! 25 MB an expert, and 1.8 GB beside them; the folder is kept where one is named. The page cache
//! is emptied before each part where this process may do that; else a line says that it was not.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pricket::models::{Batch, Logits, LogitsWanted, OpenOptions, inspect, open};
use pricket::simd::default_threads;
use pricket_benches::peers::bytes_in;
use pricket_benches::{Failure, Mixture};

/// What is read to tell the disk's speed.
const READ_BYTES: u64 = 4 << 30;
const MIB: f64 = 1_048_576.0;

struct Wanted {
    mixture: Mixture,
    memory: u64,
    prompt: usize,
    tokens: usize,
    threads: usize,
}

fn main() -> Result<(), Failure> {
    let mut wanted = Wanted {
        mixture: Mixture::new(2, 96),
        memory: 1 << 30,
        prompt: 32,
        tokens: 8,
        threads: default_threads(),
    };
    let mut folder = None;
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} wants a value"))?;
        match word.as_str() {
            "--layers" => wanted.mixture.layers = value.parse()?,
            "--experts" => wanted.mixture.experts = value.parse()?,
            "--memory-mib" => wanted.memory = value.parse::<u64>()? << 20,
            "--prompt" => wanted.prompt = value.parse()?,
            "--tokens" => wanted.tokens = value.parse()?,
            "--threads" => wanted.threads = value.parse()?,
            "--folder" => folder = Some(PathBuf::from(value)),
            _ => return Err(format!("{word} is unknown").into()),
        }
    }
    let scratch = tempfile::tempdir()?;
    let folder = folder.unwrap_or_else(|| scratch.path().to_owned());
    wanted.mixture.write(&folder)?;
    measure(&folder, &wanted)
}

fn measure(folder: &Path, wanted: &Wanted) -> Result<(), Failure> {
    forget();
    let disk = read_speed(&folder.join("model.safetensors"))?;
    let context = wanted.prompt + wanted.tokens;
    let announced = inspect(folder)?
        .memory_bytes_on_disk(context as u64, wanted.memory)
        .ok_or("inspect announces nothing")?;
    forget();
    let options = OpenOptions {
        threads: Some(wanted.threads),
        context: Some(context),
        experts_memory: Some(wanted.memory),
        ..OpenOptions::default()
    };
    let started = Instant::now();
    let mut model = open(folder, &options, &mut |_| ())?.model;
    let loaded = started.elapsed().as_secs_f64();
    let told = model.spec().experts_on_disk.ok_or("all experts fit: give them less memory")?;
    let vocab = model.spec().vocab_size;
    let ids: Vec<u32> = (0..context).map(|index| ((index * 7919 + 13) % vocab) as u32).collect();
    let (prompt, rest) = ids.split_at(wanted.prompt);
    let mut cache = model.new_cache(1, context)?;
    let sequence = cache.open_sequence()?;
    let (mut batch, mut logits) = (Batch::default(), Logits::default());
    let (mut figures, mut at) = (Vec::new(), 0);
    for (name, ids, step) in [("prefill", prompt, prompt.len()), ("decode", rest, 1)] {
        forget();
        let (before, started) = (disk_bytes()?, Instant::now());
        for ids in ids.chunks(step.max(1)) {
            batch.clear();
            batch.push(sequence, at, ids, LogitsWanted::Last);
            model.forward(&batch, &mut cache, &mut logits)?;
            at += ids.len();
        }
        let seconds = started.elapsed().as_secs_f64();
        figures.push((name, ids.len(), seconds, disk_bytes()? - before));
    }
    println!(
        "experts {:.0} MiB on disk, room for {:.0} MiB; loaded in {loaded:.1} s; peak {:.0} MiB, \
         announced {:.0} MiB; at worst {:.3} tokens a second were promised",
        told.file_bytes as f64 / MIB,
        told.room_bytes as f64 / MIB,
        peak_bytes()? / MIB,
        announced as f64 / MIB,
        told.tokens_per_second(),
    );
    println!(
        "| part | tokens | seconds | tokens/s | MiB from disk | MiB/s | of the disk's {:.0} |",
        disk / MIB
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, tokens, seconds, bytes) in figures {
        let speed = bytes / seconds;
        println!(
            "| {name} | {tokens} | {seconds:.2} | {:.3} | {:.0} | {:.0} | {:.2} |",
            tokens as f64 / seconds,
            bytes / MIB,
            speed / MIB,
            speed / disk,
        );
    }
    Ok(())
}

/// Empties the page cache, where that is allowed.
fn forget() {
    if let Err(error) = fs::write("/proc/sys/vm/drop_caches", "1") {
        eprintln!("the page cache is as it was: {error}");
    }
}

/// Bytes a second of one thread that reads from the start.
fn read_speed(path: &Path) -> Result<f64, Failure> {
    let mut file = fs::File::open(path)?.take(READ_BYTES);
    let mut buffer = vec![0; 1 << 20];
    let (started, mut bytes) = (Instant::now(), 0);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => bytes += count,
        }
    }
    Ok(bytes as f64 / started.elapsed().as_secs_f64())
}

/// Bytes that this process had fetched from disks (Linux: `read_bytes`).
fn disk_bytes() -> Result<f64, Failure> {
    let text = fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("read_bytes:"));
    Ok(line.ok_or("no read_bytes")?.trim().parse()?)
}

/// The highest resident size of this process (Linux: `VmHWM`).
fn peak_bytes() -> Result<f64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    Ok(bytes_in(&status, "VmHWM:").ok_or("no VmHWM")? as f64)
}
