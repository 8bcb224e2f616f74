//! What `cargo xtask perf` compares: how near the kernels and a whole forward pass come to what
//! this machine can do in the same seconds.
//!
//! `cargo bench -p pricket-benches --bench perf [-- ROUNDS]`. It prints `on KIND`, then for each
//! ratio its name and, in thousandths, the best rate of all rounds over the best rate of what it is
//! held against, and the least and the greatest ratio of a single round. Both sides take turns;
//! whoever else runs on the machine only takes away, so the bests are steadier than any middle.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::hint::black_box;
use std::time::Instant;

use pricket::models::{
    Batch, CausalLm, KvCache, Logits, LogitsWanted, ModelError, OpenOptions, SequenceId, open,
};
use pricket_benches::{Failure, Limits, Spread, Synthetic, best};
use pricket_simd::{
    Activations, Format, Kernels, Level, PackedMatrix, SimdError, default_threads, matmul,
};

const ROUNDS: usize = 8;
/// How often a short measurement is tried in a round.
const TRIES: usize = 2;

/// The formats of weights that models come in most.
const FORMATS: [Format; 6] =
    [Format::Q4_0, Format::Q4_1, Format::Q5_0, Format::Q8_0, Format::Q4K, Format::Q6K];
/// Rows and columns of the matrices: a feed-forward of a model of a billion weights.
const ROWS: usize = 2048;
const COLS: usize = 2048;
/// Tokens of a product that arithmetic bounds.
const TOKENS: usize = 256;
/// Weights that a product with one token cycles through: more than a last-level cache.
const COLD_BYTES: usize = 192 << 20;

/// Tokens of the prompt, of the context behind a deep decode, and of a decode.
const PROMPT: usize = 256;
const DEPTH: usize = 2048;
const GENERATE: usize = 24;
/// Sequences side by side.
const BATCH: usize = 8;

/// Names with the rates of all rounds, each beside what it is held against.
#[derive(Default)]
struct Table(Vec<(String, Vec<[f64; 2]>)>);

impl Table {
    fn add(&mut self, name: String, rate: f64, against: f64) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, rounds)) => rounds.push([rate, against]),
            None => self.0.push((name, vec![[rate, against]])),
        }
    }

    fn print(&self) {
        for (name, rounds) in &self.0 {
            let most = |side: usize| rounds.iter().map(|round| round[side]).fold(0.0, f64::max);
            let each: Vec<f64> = rounds.iter().map(|[rate, against]| rate / against).collect();
            let Spread { min, max, .. } = Spread::of(&each);
            let told = [most(0) / most(1), min, max].map(|ratio| (ratio * 1000.0).round());
            println!("{name} {} {} {}", told[0], told[1], told[2]);
        }
    }
}

fn main() -> Result<(), Failure> {
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(ROUNDS);
    let kernels = Kernels::detect()?;
    // A second thread is a different bound: memory and clock are shared.
    let threads = default_threads().min(2);
    println!("on {}-{threads}", machine(kernels));
    let (one, all) = (Limits::new(1), Limits::new(threads));
    let mut products = Products::new()?;
    let mut passes = Passes::new(threads)?;
    passes.deepen()?;
    let mut alone = Passes::new(1)?;
    let mut table = Table::default();
    for _ in 0..rounds {
        products.measure(kernels, &one, &mut table)?;
        products.levels(kernels, &mut table)?;
        passes.measure(&all, &mut alone, &mut table)?;
    }
    table.print();
    Ok(())
}

/// The kind of machine: its instruction sets above the plain one, because what can be measured
/// depends on each of them; the plain one where there is no other.
fn machine(best: &Kernels) -> String {
    let above: Vec<String> = above_plain(best).map(|kernels| kernels.level().to_string()).collect();
    if above.is_empty() { Level::Scalar.to_string() } else { above.join("-") }
}

/// The levels above the plain one, up to the one that is measured (which `PRICKET_SIMD` may lower).
fn above_plain(best: &Kernels) -> impl Iterator<Item = &'static Kernels> {
    let levels = Level::Avx2..=best.level();
    Kernels::available().filter(move |kernels| levels.contains(&kernels.level()))
}

/// Matrices of every format on one thread.
struct Products {
    cold: Vec<Vec<PackedMatrix>>,
    x: Vec<f32>,
    act: Activations,
    out: Vec<f32>,
}

impl Products {
    fn new() -> Result<Self, Failure> {
        let mut cold = Vec::new();
        for format in FORMATS {
            let bytes = codes(ROWS * format.row_bytes(COLS)?);
            let mut copies = vec![PackedMatrix::pack(format, ROWS, COLS, &bytes)?];
            let count = COLD_BYTES.div_ceil(copies.iter().map(PackedMatrix::bytes).sum());
            while copies.len() < count {
                copies.push(PackedMatrix::pack(format, ROWS, COLS, &bytes)?);
            }
            cold.push(copies);
        }
        let x = codes(COLS * TOKENS).iter().map(|&code| f32::from(code) / 128.0 - 1.0).collect();
        let act = Activations::with_capacity(TOKENS, COLS);
        Ok(Self { cold, x, act, out: vec![0.0; ROWS * TOKENS] })
    }

    /// Products with a prompt against the peak of arithmetic, and with one token against the
    /// bandwidth of memory.
    fn measure(
        &mut self,
        kernels: &Kernels,
        limits: &Limits,
        table: &mut Table,
    ) -> Result<(), Failure> {
        for (index, format) in FORMATS.into_iter().enumerate() {
            let peak = limits.int8_operations();
            let rate = best(TRIES, || self.prompt(kernels, index, TOKENS))?;
            table.add(format!("matmul-{format}-of-int8-peak"), rate, peak);
            let bandwidth = limits.read_bytes();
            let rate = best(TRIES, || self.cold(kernels, index))?;
            table.add(format!("matvec-{format}-of-bandwidth"), rate, bandwidth);
        }
        Ok(())
    }

    /// The least level above the plain one (AVX2, NEON) against that, and every other level against
    /// the least, which all machines have that have more: a ratio then means the same on each.
    fn levels(&mut self, best_level: &Kernels, table: &mut Table) -> Result<(), Failure> {
        let Some(least) = above_plain(best_level).next().map(Kernels::level) else {
            return Ok(());
        };
        for above in above_plain(best_level) {
            let against = if above.level() == least { Level::Scalar } else { least };
            let below = Kernels::at(against)?;
            // The scalar level would take seconds for a whole prompt.
            let tokens = if against == Level::Scalar { TOKENS / 8 } else { TOKENS };
            let slow = best(TRIES, || self.prompt(below, 0, tokens))?;
            let fast = best(TRIES, || self.prompt(above, 0, tokens))?;
            table.add(format!("matmul-Q4_0-{}-over-{against}", above.level()), fast, slow);
        }
        Ok(())
    }

    /// Operations per second of a product with many tokens.
    fn prompt(&mut self, kernels: &Kernels, index: usize, tokens: usize) -> Result<f64, SimdError> {
        let Some(w) = self.cold.get(index).and_then(|copies| copies.first()) else {
            return Ok(0.0);
        };
        let x = self.x.get(..COLS * tokens).unwrap_or_default();
        let started = Instant::now();
        self.act.set(kernels, w.activation_kind(), x, tokens, COLS)?;
        matmul(kernels, w, 0..w.groups(), &self.act, &mut self.out, ROWS)?;
        black_box(&self.out);
        Ok((2 * ROWS * COLS * tokens) as f64 / started.elapsed().as_secs_f64())
    }

    /// Packed bytes per second of products with one token.
    fn cold(&mut self, kernels: &Kernels, index: usize) -> Result<f64, SimdError> {
        let copies = self.cold.get(index).map_or(&[][..], Vec::as_slice);
        let x = self.x.get(..COLS).unwrap_or_default();
        let started = Instant::now();
        for w in copies {
            self.act.set(kernels, w.activation_kind(), x, 1, COLS)?;
            matmul(kernels, w, 0..w.groups(), &self.act, &mut self.out, ROWS)?;
            black_box(&self.out);
        }
        let bytes: usize = copies.iter().map(PackedMatrix::bytes).sum();
        Ok(bytes as f64 / started.elapsed().as_secs_f64())
    }
}

/// Random codes; bit 6 of every odd byte cleared, so that no f16 among them is infinite or NaN.
fn codes(count: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut code = |index: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let byte = (state >> 24) as u8;
        if index % 2 == 1 { byte & 0xbf } else { byte }
    };
    (0..count).map(&mut code).collect()
}

/// A whole model on a number of threads.
struct Passes {
    model: Box<dyn CausalLm>,
    cache: KvCache,
    /// One that is as long as [`DEPTH`]; the others are empty between measurements.
    deep: SequenceId,
    short: Vec<SequenceId>,
    batch: Batch,
    logits: Logits,
}

impl Passes {
    fn new(threads: usize) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("synthetic.gguf");
        Synthetic::SMALL.write(&path)?;
        let options = OpenOptions { threads: Some(threads), ..OpenOptions::default() };
        let model = open(&path, &options, &mut |_| ())?.model;
        let mut cache = model.new_cache(BATCH + 1, DEPTH + PROMPT)?;
        let deep = cache.open_sequence()?;
        let mut short = Vec::new();
        for _ in 0..BATCH {
            short.push(cache.open_sequence()?);
        }
        let (batch, logits) = (Batch::default(), Logits::default());
        Ok(Self { model, cache, deep, short, batch, logits })
    }

    /// Fills the deep sequence.
    fn deepen(&mut self) -> Result<(), ModelError> {
        let deep = self.deep;
        (0..DEPTH).step_by(PROMPT).try_for_each(|start| self.pass(&[deep], start, PROMPT))
    }

    /// The next `tokens` tokens of some sequences that are all `start` long.
    fn pass(
        &mut self,
        sequences: &[SequenceId],
        start: usize,
        tokens: usize,
    ) -> Result<(), ModelError> {
        let vocab = Synthetic::SMALL.vocab;
        let ids: Vec<u32> =
            (0..tokens).map(|index| ((start + index) * 7919 % vocab) as u32).collect();
        self.batch.clear();
        for &sequence in sequences {
            self.batch.push(sequence, start, &ids, LogitsWanted::Last);
        }
        self.model.forward(&self.batch, &mut self.cache, &mut self.logits)
    }

    /// Tokens per second of a prompt.
    fn prefill(&mut self) -> Result<f64, ModelError> {
        let first = self.short.first().copied().unwrap_or(self.deep);
        let started = Instant::now();
        self.pass(&[first], 0, PROMPT)?;
        let took = started.elapsed().as_secs_f64();
        self.cache.truncate(first, 0)?;
        Ok(PROMPT as f64 / took)
    }

    /// Tokens per second of sequences that are all `start` long.
    fn decode(&mut self, sequences: &[SequenceId], start: usize) -> Result<f64, ModelError> {
        let started = Instant::now();
        for index in 0..GENERATE {
            self.pass(sequences, start + index, 1)?;
        }
        let took = started.elapsed().as_secs_f64();
        for &sequence in sequences {
            self.cache.truncate(sequence, start)?;
        }
        Ok((GENERATE * sequences.len()) as f64 / took)
    }

    /// Prefill against the peak and against one thread; decode against the bandwidth, deep decode
    /// and decode side by side against plain decode.
    fn measure(
        &mut self,
        limits: &Limits,
        alone: &mut Self,
        table: &mut Table,
    ) -> Result<(), Failure> {
        let shape = Synthetic::SMALL;
        let peak = limits.int8_operations();
        let prefill = best(TRIES, || self.prefill())?;
        let operations = prefill * shape.operations_per_token();
        table.add("prefill-of-int8-peak".to_owned(), operations, peak);
        let slower = best(TRIES, || alone.prefill())?;
        table.add("prefill-threads-over-one".to_owned(), prefill, slower);

        let bandwidth = limits.read_bytes();
        let short = self.short.clone();
        let first = short.get(..1).unwrap_or_default();
        let decode = best(TRIES, || self.decode(first, 0))?;
        let read = decode * self.model.spec().weight_bytes as f64;
        table.add("decode-of-bandwidth".to_owned(), read, bandwidth);
        let deep = self.deep;
        let deep = best(TRIES, || self.decode(&[deep], DEPTH))?;
        table.add("decode-at-2048-over-decode".to_owned(), deep, decode);
        let side = best(TRIES, || self.decode(&short, 0))?;
        table.add("decode-x8-over-decode".to_owned(), side, decode);
        Ok(())
    }
}
