//! The plain definition of every operation, in f64 and without cleverness: what the kernels of
//! every level are held to. Slow on purpose, and written apart from the kernels.

mod blocks;

use crate::{Format, RopePairing, SimdError};

/// Turns one row of a file into numbers, block by block as the GGUF specification words it.
///
/// # Errors
/// As [`crate::dequantize_row`].
pub fn dequantize(format: Format, bytes: &[u8], out: &mut [f64]) -> Result<(), SimdError> {
    let expected = format.row_bytes(out.len())?;
    SimdError::check_len("the row's bytes", expected, bytes.len())?;
    if format == Format::F8E4M3 {
        blocks::small_floats(bytes, out);
        return Ok(());
    }
    let blocks = bytes.chunks_exact(format.block_bytes());
    for (block, values) in blocks.zip(out.chunks_exact_mut(format.block_len())) {
        blocks::read(format, block, values);
    }
    Ok(())
}

/// What quantised activations stand for: per 32 values the scale `max|x| / 127` in f32, and codes
/// `x / scale` to the nearest, ties to even. The result is `scale * code`, exact in f64.
pub fn quantized_activations(x: &[f32]) -> Vec<f64> {
    let mut values = Vec::with_capacity(x.len());
    for run in x.chunks(32) {
        let magnitude = run.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        let scale = if magnitude < 1e-35 { 0.0 } else { magnitude / 127.0 };
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        for value in run {
            let code = (value * inverse).round_ties_even();
            values.push(f64::from(scale) * f64::from(code));
        }
    }
    values
}

/// The inner product.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The Euclidean distance.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

/// The cosine of the angle between two vectors; 0 where one of them is zero.
pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 }
}

/// `x / sqrt(mean(x^2) + eps) * weight`.
pub fn rms_norm(x: &[f64], weight: &[f64], eps: f64) -> Vec<f64> {
    let mean = dot(x, x) / x.len() as f64;
    x.iter().zip(weight).map(|(x, w)| x / (mean + eps).sqrt() * w).collect()
}

/// `gate / (1 + exp(-gate)) * up`.
pub fn silu_mul(gate: &[f64], up: &[f64]) -> Vec<f64> {
    gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect()
}

/// `gate / 2 * (1 + tanh(sqrt(2 / pi) * (gate + 0.044715 gate^3))) * up`.
pub fn gelu_mul(gate: &[f64], up: &[f64]) -> Vec<f64> {
    let slope = (2.0 / std::f64::consts::PI).sqrt();
    let gelu = |x: f64| x / 2.0 * (1.0 + (slope * (x + 0.044_715 * x.powi(3))).tanh());
    gate.iter().zip(up).map(|(gate, up)| gelu(*gate) * up).collect()
}

/// `(up + 1) * gate / (1 + exp(-alpha * gate))` of gates of at most `limit` and ups between
/// `-limit` and it.
pub fn bounded_mul(gate: &[f64], up: &[f64], alpha: f64, limit: f64) -> Vec<f64> {
    let pairs = gate.iter().zip(up);
    let pairs = pairs.map(|(gate, up)| (gate.min(limit), up.clamp(-limit, limit)));
    pairs.map(|(gate, up)| (up + 1.0) * gate / (1.0 + (-alpha * gate).exp())).collect()
}

/// `cap * tanh(x / cap)`.
pub fn soft_cap(x: &[f64], cap: f64) -> Vec<f64> {
    x.iter().map(|x| cap * (x / cap).tanh()).collect()
}

/// `exp(x - max) / sum(exp(x - max))`.
pub fn softmax(x: &[f64]) -> Vec<f64> {
    let most = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = x.iter().map(|x| (x - most).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|p| p / total).collect()
}

/// Rotates pair `i` of a head by the angle whose cosine and sine are given.
pub fn rope(head: &mut [f64], cos: &[f64], sin: &[f64], pairing: RopePairing) {
    let pairs = cos.len();
    for i in 0..pairs {
        let (first, second) = match pairing {
            RopePairing::Half => (i, i + pairs),
            RopePairing::Interleaved => (2 * i, 2 * i + 1),
        };
        let (a, b) = (head[first], head[second]);
        head[first] = a * cos[i] - b * sin[i];
        head[second] = a * sin[i] + b * cos[i];
    }
}

/// Attention of one query over `keys.len()` positions; with a soft-cap, a score counts as
/// `cap * tanh(score / cap)`; a sink is one more score, which has no value.
pub fn attend(
    query: &[f64],
    keys: &[Vec<f64>],
    values: &[Vec<f64>],
    scale: f64,
    softcap: Option<f64>,
    sink: Option<f64>,
) -> Vec<f64> {
    let capped = |score: f64| softcap.map_or(score, |cap| cap * (score / cap).tanh());
    let scores = keys.iter().map(|key| capped(dot(query, key) * scale));
    let scores: Vec<f64> = scores.chain(sink).collect();
    let weights = softmax(&scores);
    let mut out = vec![0.0; values.first().map_or(0, Vec::len)];
    for (weight, value) in weights.iter().zip(values) {
        for (out, value) in out.iter_mut().zip(value) {
            *out += weight * value;
        }
    }
    out
}
