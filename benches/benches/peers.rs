//! Ours beside llama.cpp's tools, candle's `quantized_llama` in a build that has it, mistral.rs and
//! OpenVINO where Python has them, on the same files: prefill of 512 and of 32 tokens, decode,
//! decode at a depth of 2048, decode of 8 sequences.
//!
//! `cargo bench -p pricket-benches [--features candle-peer] --bench peers -- [--rounds 3]
//! [--threads N] [--tasks prefill-512,decode-128] [--peers llama.cpp,openvino] FILE...`
//!
//! The sides take turns, and each warms up first: ours, llama.cpp and candle measure in a process
//! of their own each time, the Python packages in one that keeps its model. In the first round a
//! peer tries all its settings, then it keeps the one that was best in the task. What the machine
//! can do is measured before and after each file. `PRICKET_PEER_LLAMA` names the folder of
//! llama.cpp's tools, `PRICKET_PEER_PYTHON` an interpreter with the packages.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]

use std::path::{Path, PathBuf};

use pricket::simd::default_threads;
use pricket_benches::peers::{
    Candle, HEADER, LlamaCpp, Measured, Peer, Pricket, Python, Run, Task, Work,
};
use pricket_benches::{Failure, Limits};

/// A machine that lost more than this between two controls was not the same machine.
const CONTROL_LOSS: f64 = 0.1;

struct Options {
    rounds: usize,
    threads: usize,
    tasks: Vec<Task>,
    peers: Vec<String>,
    files: Vec<PathBuf>,
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            rounds: 3,
            threads: default_threads(),
            tasks: Task::ALL.to_vec(),
            peers: known_peers().map(str::to_owned).collect(),
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
                "--peers" => {
                    options.peers = value()?.split(',').map(str::to_owned).collect();
                    let is_known = |peer: &str| known_peers().any(|known| known == peer);
                    if let Some(peer) = options.peers.iter().find(|peer| !is_known(peer)) {
                        let known = known_peers().collect::<Vec<_>>().join(", ");
                        return Err(format!("`{peer}` is none of {known}").into());
                    }
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
    let mut peers = find(&options.peers, &workspace);
    let pricket = Pricket::build(&workspace)?;
    let limits = Limits::new(options.threads);
    for file in &options.files {
        compare(file, &options, &pricket, &mut peers, &limits)?;
    }
    Ok(())
}

/// The engines that `--peers` may name.
fn known_peers() -> impl Iterator<Item = &'static str> {
    [LlamaCpp::NAME, Candle::NAME].into_iter().chain(Python::NAMES)
}

/// Those of these engines that are here; of each it is said what was found or what is missing.
fn find(names: &[String], workspace: &Path) -> Vec<Box<dyn Peer>> {
    let mut peers: Vec<Box<dyn Peer>> = Vec::new();
    for name in names {
        let found: Result<Box<dyn Peer>, Failure> = match name.as_str() {
            LlamaCpp::NAME => LlamaCpp::find(workspace).map(|llama| Box::new(llama) as _),
            Candle::NAME if Candle::is_built() => Ok(Box::new(Candle)),
            Candle::NAME => Err("it runs with `--features candle-peer`".into()),
            python => Python::find(python, workspace).map(|python| Box::new(python) as _),
        };
        match found {
            Ok(peer) => {
                eprintln!("found {name}: {}", peer.origin());
                peers.push(peer);
            }
            Err(absent) => eprintln!("SKIPPED: {name}: {absent}"),
        }
    }
    peers
}

/// A peer's turn: in the first round in all its settings, later in the one that was best.
fn measure(peer: &mut dyn Peer, run: &Run, first: bool, measured: &mut Measured) {
    let name = peer.name();
    let settings: Vec<String> = if first {
        peer.settings().into_iter().map(str::to_owned).collect()
    } else {
        measured.setting(name).map(str::to_owned).into_iter().collect()
    };
    for setting in settings {
        match peer.rate(run, &setting) {
            Ok(rate) => measured.add_theirs(name, &setting, rate),
            // An architecture or a task that it does not have, or a failure of its own.
            Err(why) => eprintln!("SKIPPED: {name} {setting} {}: {why}", run.task.name),
        }
    }
}

/// All rounds of all tasks on one file, and its table.
fn compare(
    file: &Path,
    options: &Options,
    pricket: &Pricket,
    peers: &mut [Box<dyn Peer>],
    limits: &Limits,
) -> Result<(), Failure> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let work = Work::of(file)?;
    let before = [limits.int8_operations(), limits.read_bytes()];
    let mut table: Vec<Measured> = options.tasks.iter().copied().map(Measured::new).collect();
    for round in 0..options.rounds {
        for measured in &mut table {
            let task = *measured.task();
            eprintln!("{name}: round {} of {}: {}", round + 1, options.rounds, task.name);
            measured.add_ours(pricket.measure(file, &task, options.threads)?);
            let run = Run { model: file, task: &task, threads: options.threads };
            for peer in &mut *peers {
                measure(peer.as_mut(), &run, round == 0, measured);
            }
        }
        for peer in &mut *peers {
            let best = |measured: &Measured| measured.setting(peer.name()).map(str::to_owned);
            let kept: Vec<String> = table.iter().filter_map(best).collect();
            peer.keep(&kept);
        }
    }
    for peer in &mut *peers {
        peer.keep(&[]);
    }
    let after = [limits.int8_operations(), limits.read_bytes()];
    let [operations, bytes] = [before[0].max(after[0]), before[1].max(after[1])];
    println!(
        "\n{name}, {} threads, medians of {} rounds\n\n{HEADER}",
        options.threads, options.rounds
    );
    for measured in &table {
        let share = work.share(measured.task(), measured.ours(), operations, bytes);
        println!("{}", measured.lines(&name, share));
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
