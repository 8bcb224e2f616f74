//! A megabyte of text to ids, for every kind of vocabulary at hand, and texts that could take
//! longer than usual ones. Budget: a second for any of them.
//!
//! `cargo bench -p pricket-benches --bench tokenizer`

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pricket::engine::TextPipeline;
use pricket::models;
use pricket::tokenizer::{Special, Tokenizer};

const MEGABYTE: usize = 1 << 20;
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let texts = texts();
    let names: Vec<&str> = texts.iter().map(|(name, _)| *name).collect();
    println!(
        "Milliseconds for a megabyte, the median of {ROUNDS}; the slowest of them in brackets."
    );
    println!("| vocabulary | built in ms | {} | 16 texts | tokens counted |", names.join(" | "));
    println!("|---|---|{}---|---|", "---|".repeat(names.len()));
    for (name, path) in vocabularies() {
        if !path.exists() {
            println!("| {name} | SKIPPED: {} is not there |", path.display());
            continue;
        }
        let start = Instant::now();
        let tokenizer = open(&path)?;
        let mut row = format!("| {name} | {:.0} ", ms(start));
        for (_, text) in &texts {
            let (median, slowest) =
                measure(|| Ok(tokenizer.encode(text, Special::AsText).map(drop)?))?;
            write!(row, "| {median:.1} ({slowest:.1}) ")?;
        }
        let prose = &texts[0].1;
        let parts: Vec<&str> = prose.lines().collect();
        let parts: Vec<String> =
            parts.chunks(parts.len().div_ceil(16)).map(|lines| lines.join("\n")).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (batch, _) =
            measure(|| Ok(tokenizer.encode_batch(&parts, Special::AsText).map(drop)?))?;
        let (count, _) = measure(|| Ok(tokenizer.count(prose, Special::AsText).map(drop)?))?;
        println!("{row}| {batch:.1} | {count:.1} |");
    }
    Ok(())
}

/// The vocabularies, each by its file.
fn vocabularies() -> Vec<(&'static str, PathBuf)> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = |variable: &str, beside: &str| {
        std::env::var_os(variable).map_or_else(|| home.join(beside), PathBuf::from)
    };
    let models = folder("PRICKET_MODELS", "../models");
    let fixtures = home.join("tests/fixtures");
    vec![
        ("bytes (SmolLM2, GGUF)", models.join("SmolLM2-135M-Instruct.Q4_1.gguf")),
        ("scores (Gemma 3, GGUF)", models.join("gemma-3-270m-q4_k_m.gguf")),
        ("ranks (Kimi's, 1,280)", fixtures.join("tokenizers/kimi-tiktoken/tiktoken.model")),
        ("characters (512)", fixtures.join("models/tiny-llama/tokenizer.json")),
        ("word pieces (MiniLM)", models.join("all-MiniLM-L6-v2/tokenizer.json")),
    ]
}

fn open(path: &Path) -> Result<Tokenizer, Box<dyn Error>> {
    if path.extension().is_some_and(|extension| extension == "gguf") {
        let pipeline = TextPipeline::from_assets(models::text_assets(path)?)?;
        return Ok(pipeline.tokenizer().clone());
    }
    Ok(Tokenizer::from_file(path)?)
}

/// Texts of a megabyte.
fn texts() -> Vec<(&'static str, String)> {
    let repeated = |part: &str| part.repeat(MEGABYTE / part.len() + 1);
    let line = "The quick brown fox (aged 27) can't jump over \u{4e2d}\u{6587} lazy dogs!\n";
    vec![
        ("prose", repeated(line)),
        ("one word", repeated("abcdefghijklmnopqrstuvwxyzzyxwvuts")),
        ("one letter", repeated("a")),
        ("spaces", repeated(" ")),
        ("digits", repeated("0123456789")),
        ("Han", repeated("\u{4e2d}\u{6587}\u{5b57}")),
    ]
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// The median and the largest time, in milliseconds.
fn measure(
    mut work: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<(f64, f64), Box<dyn Error>> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work()?;
        times.push(ms(start));
    }
    times.sort_by(f64::total_cmp);
    Ok((times[ROUNDS / 2], times[ROUNDS - 1]))
}
