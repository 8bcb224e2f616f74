//! Matrix kernels of `pricket-simd` on one thread: products with one token, 8 and 32, weights out
//! of the cache, and with 512 tokens, for the shapes of a small and a middling model.
//!
//! `cargo bench -p pricket-benches --bench kernels [-- FORMAT-OR-LEVEL ...]`
#![allow(clippy::print_stdout, reason = "a bench reports to its reader")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use pricket_simd::{Activations, Format, Kernels, Level, PackedMatrix, SimdError, matmul};

/// Rows and columns: attention and feed-forward of SmolLM2-135M, its head, and a 1B feed-forward.
const SHAPES: [(usize, usize); 4] = [(576, 576), (1536, 576), (49_152, 576), (2048, 8192)];

const FORMATS: [Format; 9] = [
    Format::Q4_0,
    Format::Q4_1,
    Format::Q8_0,
    Format::Q4K,
    Format::Q5_0,
    Format::Q5K,
    Format::Q6K,
    Format::F16,
    Format::F32,
];

const PROMPT_TOKENS: usize = 512;

/// As sequences side by side, and as a short prompt, have them.
const FEW_TOKENS: [usize; 2] = [8, 32];

/// Distinct weights that the matvec cycles through: more than a last-level cache.
const COLD_BYTES: usize = 320 << 20;

/// How long one figure is measured.
const SPAN: Duration = Duration::from_millis(250);

fn noise(count: usize, seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed | 1;
    (0..count).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    })
}

/// Random codes; bit 6 of every odd byte cleared, so that no f16 among them is infinite or NaN.
/// Singles are as models have them: random bits would hold numbers so small that a processor takes
/// a hundred times as long for each.
fn weights(format: Format, rows: usize, cols: usize) -> Result<Vec<u8>, SimdError> {
    let count = rows * format.row_bytes(cols)?;
    if format == Format::F32 {
        let values = noise(count / 4, 7).map(|byte| f32::from(byte) / 1024.0 - 0.125);
        return Ok(values.flat_map(f32::to_le_bytes).collect());
    }
    let mut bytes: Vec<u8> = noise(count, 7).collect();
    for byte in bytes.iter_mut().skip(1).step_by(2) {
        *byte &= 0xbf;
    }
    Ok(bytes)
}

/// The least time of one call of `work`, over a span.
fn least(mut work: impl FnMut() -> Result<(), SimdError>) -> Result<f64, SimdError> {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    while begin.elapsed() < SPAN || best == f64::INFINITY {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// Seconds per product with some tokens over cold weights: whole rounds over the copies are timed.
fn cold(kernels: &Kernels, copies: &[PackedMatrix], tokens: usize) -> Result<f64, SimdError> {
    let Some(first) = copies.first() else { return Ok(0.0) };
    let cols = first.cols();
    let x: Vec<f32> = noise(cols * tokens, 3).map(|b| f32::from(b) / 128.0 - 1.0).collect();
    let mut act = Activations::with_capacity(tokens, cols);
    let mut out = vec![0.0; first.rows() * tokens];
    let round = least(|| {
        for w in copies {
            act.set(kernels, w.activation_kind(), &x, tokens, cols)?;
            matmul(kernels, w, 0..w.groups(), &act, &mut out, w.rows())?;
            black_box(&out);
        }
        Ok(())
    })?;
    Ok(round / copies.len() as f64)
}

/// Seconds per product with the prompt's tokens.
fn prompt(kernels: &Kernels, w: &PackedMatrix) -> Result<f64, SimdError> {
    let cols = w.cols();
    let x: Vec<f32> = noise(cols * PROMPT_TOKENS, 5).map(|b| f32::from(b) / 128.0 - 1.0).collect();
    let mut act = Activations::with_capacity(PROMPT_TOKENS, cols);
    let mut out = vec![0.0; w.rows() * PROMPT_TOKENS];
    least(|| {
        act.set(kernels, w.activation_kind(), &x, PROMPT_TOKENS, cols)?;
        matmul(kernels, w, 0..w.groups(), &act, &mut out, w.rows())?;
        black_box(&out);
        Ok(())
    })
}

fn main() -> Result<(), SimdError> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let asked = |name: &str, all: &[&str]| {
        let of_this_kind = wanted.iter().any(|w| all.iter().any(|a| a.eq_ignore_ascii_case(w)));
        !of_this_kind || wanted.iter().any(|w| w.eq_ignore_ascii_case(name))
    };
    println!(
        "| format | shape | level | 1 token us | GB/s packed | GB/s file | 8 tokens us | GOPS \
         | 32 tokens us | GOPS | 512 tokens ms | GOPS |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for format in FORMATS.into_iter().filter(|f| asked(f.name(), &FORMATS.map(Format::name))) {
        for (rows, cols) in SHAPES {
            if format.row_bytes(cols).is_err() {
                continue;
            }
            let bytes = weights(format, rows, cols)?;
            let first = PackedMatrix::pack(format, rows, cols, &bytes)?;
            let count = COLD_BYTES.div_ceil(first.bytes());
            let mut copies = vec![first];
            while copies.len() < count {
                copies.push(PackedMatrix::pack(format, rows, cols, &bytes)?);
            }
            for level in Level::ALL.into_iter().rev().filter(|level| *level != Level::Scalar) {
                let Ok(kernels) = Kernels::at(level) else { continue };
                if !asked(level.name(), &Level::ALL.map(Level::name)) {
                    continue;
                }
                let one = cold(kernels, &copies, 1)?;
                let shape = format!("{rows}x{cols}");
                print!(
                    "| {format} | {shape} | {level} | {:.1} | {:.1} | {:.1} |",
                    one * 1e6,
                    copies[0].bytes() as f64 / one / 1e9,
                    bytes.len() as f64 / one / 1e9,
                );
                let operations = |tokens: usize| 2.0 * (rows * cols * tokens) as f64 / 1e9;
                for tokens in FEW_TOKENS {
                    let few = cold(kernels, &copies, tokens)?;
                    print!(" {:.1} | {:.0} |", few * 1e6, operations(tokens) / few);
                }
                let many = prompt(kernels, &copies[0])?;
                println!(" {:.2} | {:.0} |", many * 1e3, operations(PROMPT_TOKENS) / many);
            }
        }
    }
    Ok(())
}
