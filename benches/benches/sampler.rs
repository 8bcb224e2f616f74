//! What a sampled token costs: chains of filters over a vocabulary of 151,936 (Qwen's), on logits
//! of two shapes. `bell` is a wide normal distribution, the hardest case: no model is as undecided.
//! `peaked` has a few hundred likely tokens that stand out of the rest.
//!
//! `cargo bench -p pricket-benches --bench sampler`

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::error::Error;
use std::time::Instant;

use pricket::core::SamplingParams;
use pricket::engine::{Rng, Sampler, SamplerState};

const VOCAB_SIZE: usize = 151_936;
const ROUNDS: usize = 101;

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = Rng::new(7);
    let mut normal = || (0..12).map(|_| rng.next_f64()).sum::<f64>() - 6.0;
    let bell: Vec<f32> = (0..VOCAB_SIZE).map(|_| (normal() * 3.0) as f32).collect();
    // A few hundred likely tokens stand out of the rest.
    let peaked: Vec<f32> = (0..VOCAB_SIZE)
        .map(|id| (normal() * 2.0 + if id % 500 == 0 { 12.0 } else { 0.0 }) as f32)
        .collect();
    println!("| chain | bell: median us | max | peaked: median us | max |");
    println!("|---|---|---|---|---|");
    for (name, params) in chains() {
        let (a, b) = (measure(&bell, &params)?, measure(&peaked, &params)?);
        println!("| {name} | {:.1} | {:.1} | {:.1} | {:.1} |", a.0, a.1, b.0, b.1);
    }
    Ok(())
}

fn chains() -> Vec<(&'static str, SamplingParams)> {
    let warm = || SamplingParams { temperature: Some(0.8), ..SamplingParams::default() };
    vec![
        ("greedy", SamplingParams::greedy()),
        (
            "penalties, greedy",
            SamplingParams { repetition_penalty: Some(1.1), ..SamplingParams::greedy() },
        ),
        ("temperature", warm()),
        ("top-k 40", SamplingParams { top_k: Some(40), ..warm() }),
        ("top-p 0.95", SamplingParams { top_p: Some(0.95), ..warm() }),
        ("min-p 0.05", SamplingParams { min_p: Some(0.05), ..warm() }),
        ("top-n-sigma 1", SamplingParams { top_n_sigma: Some(1.0), ..warm() }),
        ("typical 0.9", SamplingParams { typical_p: Some(0.9), ..warm() }),
        ("top-k 40, XTC", SamplingParams { top_k: Some(40), xtc_probability: Some(0.5), ..warm() }),
        ("dynamic temperature", SamplingParams { dynatemp_range: Some(0.5), ..warm() }),
        ("DRY", SamplingParams { dry_multiplier: Some(0.8), ..warm() }),
        ("mirostat 1", SamplingParams { mirostat: Some(1), ..warm() }),
        ("mirostat 2", SamplingParams { mirostat: Some(2), ..warm() }),
        (
            "penalties, top-k 40, top-p 0.95, min-p 0.05",
            SamplingParams {
                repetition_penalty: Some(1.1),
                top_k: Some(40),
                top_p: Some(0.95),
                min_p: Some(0.05),
                ..warm()
            },
        ),
    ]
}

/// The median and the largest time of a token, in microseconds. Copying the row is not counted: a
/// model writes it.
fn measure(logits: &[f32], params: &SamplingParams) -> Result<(f64, f64), Box<dyn Error>> {
    let effective = params.effective(1);
    let mut sampler = Sampler::new(logits.len());
    let mut state = SamplerState::new(&effective);
    let history: Vec<u32> = (0..64).map(|n| n * 37).collect();
    let mut row = logits.to_vec();
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        row.copy_from_slice(logits);
        let began = Instant::now();
        std::hint::black_box(sampler.sample(&mut row, &history, &effective, &mut state)?);
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    let (median, max) = (times.get(ROUNDS / 2), times.last());
    Ok((median.copied().unwrap_or_default(), max.copied().unwrap_or_default()))
}
