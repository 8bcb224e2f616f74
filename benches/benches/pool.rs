//! What a fork-join costs: an empty job on every thread, and how it behaves when a core is taken
//! away.
//!
//! `cargo bench -p pricket-benches --bench pool -- [THREADS] [ROUNDS]`

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use pricket::simd::{Job, Pool};

/// A job that only counts that it ran.
struct Tick(u64);

impl Job for Tick {
    fn run(&mut self) {
        self.0 += 1;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |index: usize, default: usize| {
        arguments.get(index).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (threads, rounds) = (number(0, 2), number(1, 9));
    println!("| {threads} threads | median us per fork-join | min |");
    println!("|---|---|---|");
    let quiet = measure(threads, rounds)?;
    println!("| nobody else | {:.2} | {:.2} |", quiet.0, quiet.1);
    let stop = Arc::new(AtomicBool::new(false));
    let its = Arc::clone(&stop);
    let busy = thread::spawn(move || {
        while !its.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    });
    let loaded = measure(threads, rounds)?;
    stop.store(true, Ordering::Relaxed);
    let _ = busy.join();
    println!("| one more busy thread | {:.2} | {:.2} |", loaded.0, loaded.1);
    Ok(())
}

/// Microseconds per fork-join, back to back: the median of the rounds, and the best of them.
fn measure(threads: usize, rounds: usize) -> Result<(f64, f64), Box<dyn Error>> {
    const FORKS: u32 = 20_000;
    let mut pool = Pool::new(threads)?;
    let mut jobs: Vec<Box<Tick>> = (0..threads).map(|_| Box::new(Tick(0))).collect();
    let mut times = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        for _ in 0..FORKS {
            pool.run(&mut jobs)?;
        }
        times.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(FORKS));
    }
    times.sort_by(f64::total_cmp);
    Ok((times.get(times.len() / 2).copied().unwrap_or(f64::NAN), times[0]))
}
