//! Throughput and first-item latency of `AsyncStream` beside crossbeam-channel, flume and tokio's
//! mpsc.
//!
//! One process, rounds interleaved, each beginning with another of the four; medians with the
//! quartiles. What a busy machine does to a round it does to all four, so the last column takes the
//! ratio within each round before the median. Every round starts its threads anew, so that the
//! kernel's placement of them is sampled and not decided once.
//!
//! Run: `cargo bench -p pricket-benches --bench stream [-- ROUNDS]`.

use std::hint::black_box;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use pricket_stream::{AsyncStream, MessageChunk};

/// 32 bytes, about a token's chunk.
#[derive(Debug, Clone, Copy)]
struct Item([u64; 4]);

impl MessageChunk for Item {
    fn bad_chunk(_: String) -> Self {
        Self([u64::MAX; 4])
    }
    fn error(&self) -> Option<&str> {
        None
    }
}

const CAPACITY: usize = 256;
const ITEMS: u64 = 400_000;
const PINGS: usize = 60;
/// Longer than any of the four spins before it parks.
const UNTIL_PARKED: Duration = Duration::from_millis(2);

/// A sender of one of the four channels.
trait Sender: Clone + Send + 'static {
    fn send(&self, item: Item);
}

/// A receiver of one of the four channels.
trait Receiver: Send + 'static {
    fn recv(&mut self) -> Option<Item>;
}

/// A channel to measure.
trait Peer {
    type Tx: Sender;
    type Rx: Receiver;
    fn channel() -> (Self::Tx, Self::Rx);
}

macro_rules! peer {
    ($name:ident, $tx:ty, $rx:ty, $open:expr,
     |$s:ident, $item:ident| $send:expr, |$r:ident| $recv:expr) => {
        struct $name;
        impl Peer for $name {
            type Tx = $tx;
            type Rx = $rx;
            fn channel() -> ($tx, $rx) {
                $open
            }
        }
        impl Sender for $tx {
            fn send(&self, $item: Item) {
                let $s = self;
                $send;
            }
        }
        impl Receiver for $rx {
            fn recv(&mut self) -> Option<Item> {
                let $r = self;
                $recv
            }
        }
    };
}

peer!(
    Ours,
    pricket_stream::AsyncStreamSender<Item>,
    AsyncStream<Item>,
    AsyncStream::builder().capacity(CAPACITY).channel(),
    |s, item| assert!(pricket_stream::AsyncStreamSender::send(s, item).is_ok()),
    |r| r.next()
);
peer!(
    Crossbeam,
    crossbeam_channel::Sender<Item>,
    crossbeam_channel::Receiver<Item>,
    crossbeam_channel::bounded(CAPACITY),
    |s, item| assert!(crossbeam_channel::Sender::send(s, item).is_ok()),
    |r| crossbeam_channel::Receiver::recv(r).ok()
);
peer!(
    Flume,
    flume::Sender<Item>,
    flume::Receiver<Item>,
    flume::bounded(CAPACITY),
    |s, item| assert!(flume::Sender::send(s, item).is_ok()),
    |r| flume::Receiver::recv(r).ok()
);
peer!(
    Tokio,
    tokio::sync::mpsc::Sender<Item>,
    tokio::sync::mpsc::Receiver<Item>,
    tokio::sync::mpsc::channel(CAPACITY),
    |s, item| assert!(s.blocking_send(item).is_ok()),
    |r| r.blocking_recv()
);

/// Nanoseconds per item with this many senders and one receiver.
fn throughput<P: Peer>(senders: u64) -> f64 {
    let (tx, mut rx) = P::channel();
    let each = ITEMS / senders;
    let start = Instant::now();
    let threads: Vec<_> = (0..senders)
        .map(|_| {
            let tx = tx.clone();
            thread::spawn(move || {
                for i in 0..each {
                    tx.send(Item([i; 4]));
                }
            })
        })
        .collect();
    drop(tx);
    let mut count = 0;
    while let Some(item) = rx.recv() {
        count += u64::from(black_box(item.0[0]) < u64::MAX);
    }
    let nanos = start.elapsed().as_nanos() as f64;
    for thread in threads {
        assert!(thread.join().is_ok());
    }
    assert_eq!(count, each * senders, "every item came");
    nanos / count as f64
}

/// Median microseconds from `send` to a receiver that had parked.
fn latency<P: Peer>() -> f64 {
    let (tx, mut rx) = P::channel();
    let origin = Instant::now();
    let sender = thread::spawn(move || {
        for _ in 0..PINGS {
            thread::sleep(UNTIL_PARKED);
            tx.send(Item([origin.elapsed().as_nanos() as u64; 4]));
        }
    });
    let mut delays = Vec::with_capacity(PINGS);
    while let Some(item) = rx.recv() {
        delays.push(origin.elapsed().as_nanos() as f64 - item.0[0] as f64);
    }
    assert!(sender.join().is_ok());
    quantile(&mut delays, 0.5) / 1000.0
}

/// The `q` quantile, which sorts.
fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (q * (values.len().saturating_sub(1)) as f64).round() as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}

/// One row: the four peers by turns, `rounds` times.
fn row(out: &mut impl Write, name: &str, rounds: usize, peers: [fn() -> f64; 4]) {
    let mut results: [Vec<f64>; 4] = Default::default();
    for round in 0..rounds {
        for turn in 0..peers.len() {
            let peer = (round + turn) % peers.len();
            results[peer].push(peers[peer]());
        }
    }
    let [ours, crossbeam, ..] = &results;
    let mut ratios: Vec<f64> = ours.iter().zip(crossbeam).map(|(a, b)| a / b).collect();
    let mut cells = vec![name.to_owned()];
    cells.extend(results.iter_mut().map(|results| summary(results, 1)));
    cells.push(summary(&mut ratios, 2));
    assert!(writeln!(out, "| {} |", cells.join(" | ")).is_ok());
}

/// The median and the quartiles.
fn summary(values: &mut [f64], digits: usize) -> String {
    let [low, median, high] = [0.25, 0.5, 0.75].map(|q| quantile(values, q));
    format!("{median:.digits$} ({low:.digits$} to {high:.digits$})")
}

fn main() {
    let rounds = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(15);
    let mut out = std::io::stdout().lock();
    let head = "| median (quartiles) | AsyncStream | crossbeam-channel | flume | tokio mpsc | \
                AsyncStream/crossbeam |\n|---|---|---|---|---|---|";
    assert!(writeln!(out, "{head}").is_ok());
    row(
        &mut out,
        "1 sender, ns/item",
        rounds,
        [
            || throughput::<Ours>(1),
            || throughput::<Crossbeam>(1),
            || throughput::<Flume>(1),
            || throughput::<Tokio>(1),
        ],
    );
    row(
        &mut out,
        "4 senders, ns/item",
        rounds,
        [
            || throughput::<Ours>(4),
            || throughput::<Crossbeam>(4),
            || throughput::<Flume>(4),
            || throughput::<Tokio>(4),
        ],
    );
    row(
        &mut out,
        "to a parked reader, us",
        rounds.min(5),
        [latency::<Ours>, latency::<Crossbeam>, latency::<Flume>, latency::<Tokio>],
    );
}
