//! Whether a pool of buffers would pay: what a request of the engine lays out (its tokens and its
//! text, for 4,096 tokens to come) from the allocator, and from a bounded queue of used ones.
//!
//! `here`: made, filled and dropped on one thread. `across`: made on one thread and dropped on
//! another, as a request is. Variants alternate; the median of the rounds, in nanoseconds for a
//! request. `cargo bench -p pricket-benches --bench buffers`

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_queue::ArrayQueue;

/// What `RESERVE_TOKENS_MAX` and `RESERVE_BYTES_PER_TOKEN` of the engine lay out.
const TOKENS: usize = 4_096;
const BYTES: usize = TOKENS * 6;
/// An answer of middling length.
const ANSWER_TOKENS: u32 = 200;
const REQUESTS: usize = 2_000;
const ROUNDS: usize = 31;

/// The buffers of one request.
struct Buffers {
    tokens: Vec<u32>,
    text: String,
}

impl Buffers {
    fn new() -> Self {
        Self { tokens: Vec::with_capacity(TOKENS), text: String::with_capacity(BYTES) }
    }

    /// What a generation writes.
    fn fill(&mut self) {
        for id in 0..ANSWER_TOKENS {
            self.tokens.push(black_box(id));
            self.text.push_str(black_box("word"));
        }
    }

    /// Nothing of the last user is left.
    fn clear(&mut self) {
        self.tokens.clear();
        self.text.clear();
    }
}

/// Where buffers come from and go to.
#[derive(Clone)]
enum Source {
    Allocator,
    Pool(Arc<ArrayQueue<Buffers>>),
}

impl Source {
    fn take(&self) -> Buffers {
        match self {
            Self::Allocator => Buffers::new(),
            Self::Pool(pool) => pool.pop().unwrap_or_else(Buffers::new),
        }
    }

    fn give(&self, mut buffers: Buffers) {
        if let Self::Pool(pool) = self {
            buffers.clear();
            // A full pool lets go of it.
            let _ = pool.push(buffers);
        }
    }
}

fn here(source: &Source) -> f64 {
    let began = Instant::now();
    for _ in 0..REQUESTS {
        let mut buffers = source.take();
        buffers.fill();
        source.give(black_box(buffers));
    }
    began.elapsed().as_nanos() as f64 / REQUESTS as f64
}

fn across(source: &Source) -> f64 {
    let (tx, rx) = crossbeam_channel::bounded::<Buffers>(8);
    let end = source.clone();
    let worker = thread::spawn(move || {
        for mut buffers in rx {
            buffers.fill();
            end.give(black_box(buffers));
        }
    });
    let began = Instant::now();
    for _ in 0..REQUESTS {
        assert!(tx.send(source.take()).is_ok());
    }
    drop(tx);
    assert!(worker.join().is_ok());
    began.elapsed().as_nanos() as f64 / REQUESTS as f64
}

fn main() {
    let sources = [Source::Allocator, Source::Pool(Arc::new(ArrayQueue::new(16)))];
    println!("| ns for a request, median (quartiles) | allocator | pool | pool/allocator |");
    println!("|---|---|---|---|");
    for (name, run) in [("here", here as fn(&Source) -> f64), ("across", across)] {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (source, times) in sources.iter().zip(&mut times) {
                times.push(run(source));
            }
        }
        let [allocator, pool] = &times;
        let mut ratios: Vec<f64> = pool.iter().zip(allocator).map(|(a, b)| a / b).collect();
        let cells: Vec<String> = times.iter_mut().map(|times| summary(times, 0)).collect();
        println!("| {name} | {} | {} |", cells.join(" | "), summary(&mut ratios, 2));
    }
}

/// The median and the quartiles.
fn summary(values: &mut [f64], digits: usize) -> String {
    values.sort_by(f64::total_cmp);
    let at = |part: usize| values.get(values.len() * part / 4).copied().unwrap_or(f64::NAN);
    let [low, median, high] = [at(1), at(2), at(3)];
    format!("{median:.digits$} ({low:.digits$} to {high:.digits$})")
}
