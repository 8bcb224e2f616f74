//! Vectors of 1,000 sentences: ours beside sentence-transformers, by turns in one run.
//!
//! `cargo bench -p pricket-benches --bench embed -- [--rounds 5] [--threads N] [--texts 1000]
//! [--quantize none|q8_0|q4_0] FOLDER...`
//!
//! Both sides get the same texts and are timed from the texts to all vectors, tokenizing included;
//! loading is not. The other side keeps its model in one process of the interpreter that
//! `PRICKET_PEER_PYTHON` names, runs at each batch size that its documentation names, and counts at
//! its best. Before anything is timed, the vectors are held against each other.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use pricket::core::{Embedder, EmbeddingChunk, EmbeddingRequest};
use pricket::engine::{EmbeddingEngine, EmbeddingOptions};
use pricket::models::{EncoderOptions, EncoderSpec, Quantization};
use pricket::simd::default_threads;
use pricket_benches::{Failure, Spread};
use serde_json::{Value, json};

const VARIABLE: &str = "PRICKET_PEER_PYTHON";

/// How many texts the other side puts into a batch; 32 is its default.
const BATCHES: [usize; 5] = [8, 16, 32, 64, 128];

/// The least cosine between both sides' vectors of a text, of weights as stored and of quantised
/// ones.
const COSINE_MIN: f64 = 0.9999;
const COSINE_MIN_QUANTIZED: f64 = 0.99;

fn main() -> Result<(), Failure> {
    let (mut rounds, mut threads, mut count) = (5, default_threads(), 1_000);
    let mut quantize = Quantization::None;
    let mut folders = Vec::new();
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--rounds" => rounds = value()?.parse()?,
            "--threads" => threads = value()?.parse()?,
            "--texts" => count = value()?.parse()?,
            "--quantize" => {
                let name = value()?;
                let found = Quantization::ALL.into_iter().find(|what| what.name() == name);
                quantize = found.ok_or_else(|| format!("{name} is no quantisation"))?;
            }
            flag if flag.starts_with("--") => return Err(format!("{flag} is unknown").into()),
            folder => folders.push(PathBuf::from(folder)),
        }
    }
    if folders.is_empty() || rounds == 0 || count == 0 {
        eprintln!("SKIPPED: the bench `embed` wants folders of encoders, texts and a round");
        return Ok(());
    }
    let texts = texts(count);
    println!("| model | side | texts/s, median (min, max) | ours by it |");
    println!("|---|---|---|---|");
    let model = EncoderOptions { threads: Some(threads), quantize, ..EncoderOptions::default() };
    folders.iter().try_for_each(|folder| compare(folder, &texts, rounds, &model))
}

fn compare(
    folder: &Path,
    texts: &[String],
    rounds: usize,
    model: &EncoderOptions,
) -> Result<(), Failure> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let floats = model.quantize == Quantization::None;
    let cosine_min = if floats { COSINE_MIN } else { COSINE_MIN_QUANTIZED };
    let (model, threads) = (model.clone(), model.threads.unwrap_or_else(default_threads));
    let options = EmbeddingOptions { model, ..EmbeddingOptions::default() };
    let engine = EmbeddingEngine::load(folder, &options, &mut |_| ())?;
    let mut peer = match Peer::start(folder, texts, threads) {
        Ok(peer) => Some(peer),
        Err(absent) => {
            eprintln!("SKIPPED: sentence-transformers: {absent}");
            None
        }
    };
    let (_, ours) = embed(&engine, texts)?;
    let tokens: usize = ours.iter().map(|(_, tokens)| tokens).sum();
    if let Some(peer) = &mut peer {
        let least = peer.agreement(&ours)?;
        println!("| {name} | least cosine between both | {least:.7} | |");
        if least < cosine_min {
            return Err(format!("the sides give other vectors: the least cosine is {least}").into());
        }
    }
    let mut own = Vec::new();
    let mut other: Vec<Vec<f64>> = vec![Vec::new(); BATCHES.len()];
    for _ in 0..rounds {
        own.push(texts.len() as f64 / embed(&engine, texts)?.0);
        if let Some(peer) = &mut peer {
            for (batch, rates) in BATCHES.into_iter().zip(&mut other) {
                rates.push(texts.len() as f64 / peer.seconds(batch)?);
            }
        }
    }
    let line = |side: &str, rates: &[f64]| {
        let Spread { median, min, max, .. } = Spread::of(rates);
        let ratio = Spread::of(&own).median / median;
        println!("| {name} | {side} | {median:.1} ({min:.1}, {max:.1}) | {ratio:.2} |");
    };
    line("pricket", &own);
    if let Some(peer) = &peer {
        for (batch, rates) in BATCHES.into_iter().zip(&other) {
            line(&format!("{}, batches of {batch}", peer.name), rates);
        }
    }
    let per_text = operations(engine.model_spec(), engine.info().dimensions, tokens, texts.len());
    let rate = Spread::of(&own).median * per_text / 1e9;
    let mean = tokens as f64 / texts.len() as f64;
    println!("| {name} | pricket: {mean:.1} tokens a text | {rate:.1} GFLOP/s in matrices | |");
    Ok(())
}

/// Products and sums of the layers' matrices for a text.
fn operations(spec: &EncoderSpec, width: usize, tokens: usize, texts: usize) -> f64 {
    // What is neither a row of a table nor a vector is in matrices: what counts are the layers.
    let tables = (spec.vocab_size + spec.tokens_max) * width;
    let weights = (spec.parameters as usize).saturating_sub(tables);
    2.0 * weights as f64 * tokens as f64 / texts as f64
}

/// Seconds, and each text's vector and tokens.
#[expect(clippy::type_complexity, reason = "a bench's own pair")]
fn embed(
    engine: &EmbeddingEngine,
    texts: &[String],
) -> Result<(f64, Vec<(Vec<f32>, usize)>), Failure> {
    let request = EmbeddingRequest::new(texts.iter().cloned()).truncate(true);
    let started = Instant::now();
    let mut vectors = Vec::with_capacity(texts.len());
    for chunk in engine.embed(request) {
        match chunk {
            EmbeddingChunk::Embedding(embedding) => {
                vectors.push((embedding.vector, embedding.tokens));
            }
            EmbeddingChunk::Error(report) => return Err(report.message.into()),
            _ => {}
        }
    }
    Ok((started.elapsed().as_secs_f64(), vectors))
}

/// Sentences of 3 to 60 words, most of them short: the same in every run.
fn texts(count: usize) -> Vec<String> {
    // Knuth's linear congruential generator (MMIX).
    const FACTOR: u64 = 6_364_136_223_846_793_005;
    const ADDEND: u64 = 1_442_695_040_888_963_407;
    const WORDS: &str = "the of and to in a is that for it as was with be by on not he his but at \
        are this have from or had an they which one you were all her she there would their we him \
        been has when who will no more if out so up said what its about than into them can only \
        other time new some could these two may first then do any like my now over such our man \
        me even most made after also did many off before must well back through years where much \
        your way down should because long each just state those people too mr how little good \
        world make very year still see own work men day get here old between both life being under \
        three never know same last another while us might great go come since against right came \
        take used himself few house american use place during high without again home around small \
        however found mrs part school thought went say general once upon war every left until \
        always away fact water less though public put night almost hand head enough far took \
        system";
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut state = 20_261_122_u64;
    let mut number = |below: usize| {
        state = state.wrapping_mul(FACTOR).wrapping_add(ADDEND);
        (state >> 33) as usize % below.max(1)
    };
    (0..count)
        .map(|_| {
            let length = 3 + number(58).min(number(58));
            let chosen: Vec<&str> =
                (0..length).filter_map(|_| words.get(number(words.len())).copied()).collect();
            format!("{}.", chosen.join(" "))
        })
        .collect()
}

/// sentence-transformers in a process of its own.
struct Peer {
    name: String,
    child: Child,
    tasks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(folder: &Path, texts: &[String], threads: usize) -> Result<Self, Failure> {
        let python = std::env::var_os(VARIABLE).filter(|python| !python.is_empty());
        let python = python.ok_or_else(|| format!("{VARIABLE} names no interpreter"))?;
        let driver =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/drive_sentence_transformers.py");
        let mut child = Command::new(python)
            .arg(driver)
            .arg(folder)
            .arg(threads.to_string())
            .env("OMP_NUM_THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(mut tasks), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the driver has no pipes".into());
        };
        writeln!(tasks, "{}", json!(texts))?;
        let mut peer = Self { name: String::new(), child, tasks, answers: BufReader::new(answers) };
        let loaded = peer.answer()?;
        let name = loaded["loaded"].as_str().ok_or("the driver did not load")?;
        name.clone_into(&mut peer.name);
        Ok(peer)
    }

    fn answer(&mut self) -> Result<Value, Failure> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    fn seconds(&mut self, batch: usize) -> Result<f64, Failure> {
        writeln!(self.tasks, "{}", json!({ "batch": batch }))?;
        let answer = self.answer()?;
        answer["seconds"].as_f64().ok_or_else(|| format!("the driver said {answer}").into())
    }

    /// The least cosine between its vectors and ours.
    fn agreement(&mut self, ours: &[(Vec<f32>, usize)]) -> Result<f64, Failure> {
        writeln!(self.tasks, "{}", json!({ "vectors": true }))?;
        let theirs: Vec<Vec<f64>> = serde_json::from_value(self.answer()?)?;
        let mut least = f64::INFINITY;
        for ((ours, _), theirs) in ours.iter().zip(&theirs) {
            let product =
                |a: &mut dyn Iterator<Item = (f64, f64)>| a.map(|(x, y)| x * y).sum::<f64>();
            let wide: Vec<f64> = ours.iter().map(|value| f64::from(*value)).collect();
            let pairs = |a: &[f64], b: &[f64]| -> f64 {
                product(&mut a.iter().copied().zip(b.iter().copied()))
            };
            let lengths = (pairs(&wide, &wide) * pairs(theirs, theirs)).sqrt();
            least = least.min(pairs(&wide, theirs) / lengths);
        }
        Ok(least)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends with its standard input; whether it is gone already is of no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
