//! From the start of the program to the first token, and the most memory it held on the way: ours
//! beside llama.cpp's `llama-bench`, by turns, each time in a process of its own.
//!
//! `cargo bench -p pricket-benches --bench load -- [--rounds 5] [--threads N] FILE...`
//!
//! The files are read once before, so that all find them in the page cache. llama.cpp maps its
//! file, so that resident memory counts pages which it shares with the page cache; what is its own
//! is told beside. `-lm none` makes it read the file instead, as we do.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]

use std::path::{Path, PathBuf};
use std::process::Command;

use pricket::simd::default_threads;
use pricket_benches::peers::{LlamaCpp, Pricket, Start};
use pricket_benches::{Failure, Spread, median};

struct Side {
    name: &'static str,
    command: Box<dyn Fn(&Path) -> Command>,
    starts: Vec<Start>,
}

fn main() -> Result<(), Failure> {
    let (mut rounds, mut threads, mut files) = (5, default_threads(), Vec::new());
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--rounds" => rounds = value()?.parse()?,
            "--threads" => threads = value()?.parse()?,
            flag if flag.starts_with("--") => return Err(format!("{flag} is unknown").into()),
            file => files.push(PathBuf::from(file)),
        }
    }
    if files.is_empty() || rounds == 0 {
        eprintln!("SKIPPED: the bench `load` wants GGUF files and at least one round");
        return Ok(());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pricket = Pricket::build(&workspace)?;
    let llama = LlamaCpp::find(&workspace);
    if let Err(absent) = &llama {
        eprintln!("SKIPPED: llama.cpp: {absent}");
    }
    println!("| file | side | seconds to a token | ours by round | peak MiB | of its own MiB |");
    println!("|---|---|---|---|---|---|");
    for file in &files {
        std::io::copy(&mut std::fs::File::open(file)?, &mut std::io::sink())?;
        let mut sides = sides(&pricket, llama.as_ref().ok(), threads);
        for _ in 0..rounds {
            for side in &mut sides {
                side.starts.push(Start::of(&mut (side.command)(file))?);
            }
        }
        print(file, &sides);
    }
    Ok(())
}

fn sides(pricket: &Pricket, llama: Option<&LlamaCpp>, threads: usize) -> Vec<Side> {
    let side = |name, command| Side { name, command, starts: Vec::new() };
    let ours = pricket.clone();
    let mut sides = vec![side("pricket", Box::new(move |file: &Path| ours.first(file, threads)))];
    for (name, more) in [("llama.cpp", &[][..]), ("llama.cpp -lm none", &["-lm", "none"])] {
        if let Some(llama) = llama.cloned() {
            let command = move |file: &Path| {
                let mut command = llama.first(file, threads);
                command.args(more);
                command
            };
            sides.push(side(name, Box::new(command)));
        }
    }
    sides
}

fn print(file: &Path, sides: &[Side]) {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let seconds = |side: &Side| -> Vec<f64> { side.starts.iter().map(|s| s.seconds).collect() };
    let ours = sides.first().map(seconds).unwrap_or_default();
    for side in sides {
        let theirs = seconds(side);
        let ratios: Vec<f64> =
            theirs.iter().zip(&ours).map(|(theirs, ours)| ours / theirs).collect();
        let Spread { min, max, .. } = Spread::of(&ratios);
        let mib = |of: fn(&Start) -> u64| {
            median(
                &side.starts.iter().map(|s| of(s) as f64 / f64::from(1 << 20)).collect::<Vec<_>>(),
            )
        };
        println!(
            "| {name} | {} | {:.3} | {:.2} ({min:.2} to {max:.2}) | {:.0} | {:.0} |",
            side.name,
            median(&theirs),
            median(&ratios),
            mib(|start| start.peak_bytes),
            mib(|start| start.own_bytes),
        );
    }
}
