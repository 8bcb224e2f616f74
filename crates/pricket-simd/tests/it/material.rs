//! Seeded numbers and weights.

use std::process::Command;

use half::f16;
use pricket_simd::{Format, Kernels};

/// A small generator (xorshift64*: Vigna, 2016), so that a seed is all a failure needs.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Evenly in -1..1.
    pub(crate) fn signed(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / 8_388_608.0 - 1.0
    }

    /// Roughly normal, as activations are: the sum of four even ones.
    pub(crate) fn bell(&mut self) -> f32 {
        (0..4).map(|_| self.signed()).sum()
    }

    pub(crate) fn bells(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.bell()).collect()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.bits() >> 32) as u8).collect()
    }
}

/// How the blocks of a matrix are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Random codes and sub-scales, sane scales.
    Random,
    /// Every code, scale bit and offset bit set.
    Extreme,
    /// Random codes, scales and offsets of zero.
    Zero,
    /// Random codes, scales so small that halves hold them only as subnormals.
    Subnormal,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Random, Kind::Extreme, Kind::Zero, Kind::Subnormal];

/// Where a block keeps its f16 scale and offset.
fn factors(format: Format) -> &'static [usize] {
    match format {
        Format::Q4_1 | Format::Q5_1 | Format::Q4K | Format::Q5K => &[0, 2],
        Format::Q2K => &[80, 82],
        Format::Q3K => &[108],
        Format::Q6K => &[208],
        Format::Tq1_0 => &[52],
        Format::Tq2_0 => &[64],
        _ if format.block_len() == 1 => &[],
        Format::Iq1M | Format::Mxfp4 | Format::Int4 => &[],
        _ => &[0],
    }
}

/// Gives a block its scales and offsets.
fn put_factors(format: Format, kind: Kind, block: &mut [u8], random: &mut Random) {
    let mut factor = || match kind {
        Kind::Random => random.bell() * 0.01,
        Kind::Extreme => 1.5,
        Kind::Zero => 0.0,
        Kind::Subnormal => random.signed() * 3e-6,
    };
    for at in factors(format) {
        block[*at..at + 2].copy_from_slice(&f16::from_f32(factor()).to_le_bytes());
    }
    match format {
        // Its nibbles lie above the four words of scales.
        Format::Iq1M => {
            let bits = f16::from_f32(factor()).to_bits();
            for (at, byte) in [49, 51, 53, 55].into_iter().enumerate() {
                block[byte] = block[byte] & 15 | ((bits >> (4 * at)) as u8 & 15) << 4;
            }
        }
        // A power of two is never zero: then the codes are, of both signs.
        Format::Mxfp4 if kind == Kind::Zero => {
            block.fill(0x80);
            block[0] = 127;
        }
        Format::Int4 => {
            let scale = half::bf16::from_f32(factor());
            block[..2].copy_from_slice(&scale.to_le_bytes());
        }
        Format::Mxfp4 => {
            let size = factor().abs().max(1e-7).log2().floor();
            block[0] = (127.0 + size) as u8;
        }
        _ => {}
    }
}

/// A file's bytes for `rows` x `cols` weights.
pub(crate) fn weights(
    format: Format,
    rows: usize,
    cols: usize,
    kind: Kind,
    random: &mut Random,
) -> Vec<u8> {
    let count = rows * format.row_bytes(cols).unwrap();
    let floats = |random: &mut Random| match kind {
        Kind::Random => random.bell() * 0.1,
        Kind::Extreme => 1.5 - 3.0 * f32::from(random.bits() >> 63 == 1),
        Kind::Zero => 0.0,
        Kind::Subnormal => random.bell() * 3e-6,
    };
    match format {
        Format::F32 => (0..count / 4).flat_map(|_| floats(random).to_le_bytes()).collect(),
        Format::F16 => {
            (0..count / 2).flat_map(|_| f16::from_f32(floats(random)).to_le_bytes()).collect()
        }
        Format::Bf16 => (0..count / 2)
            .flat_map(|_| half::bf16::from_f32(floats(random)).to_le_bytes())
            .collect(),
        Format::F8E4M3 => {
            let mut bytes = random.bytes(count);
            for row in bytes.chunks_exact_mut(count / rows) {
                let (codes, scales) = row.split_at_mut(cols);
                for code in codes {
                    *code = match kind {
                        Kind::Extreme => 0x7e,
                        // What is no number has a test of its own.
                        _ if *code & 0x7f == 0x7f => *code ^ 1,
                        _ => *code,
                    };
                }
                for scale in scales.as_chunks_mut().0 {
                    *scale = floats(random).to_le_bytes();
                }
            }
            bytes
        }
        _ => {
            let mut bytes = random.bytes(count);
            if kind == Kind::Extreme {
                bytes.fill(0xff);
            }
            for block in bytes.chunks_exact_mut(format.block_bytes()) {
                put_factors(format, kind, block, random);
            }
            bytes
        }
    }
}

/// Every level that this machine runs; the others are named aloud.
pub(crate) fn levels() -> Vec<&'static Kernels> {
    pricket_simd::Level::ALL
        .into_iter()
        .filter_map(|level| {
            let kernels = Kernels::at(level).ok();
            if kernels.is_none() {
                eprintln!("SKIPPED: this processor cannot run the level {level}");
            }
            kernels
        })
        .collect()
}

pub(crate) fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().copied().map(f64::from).collect()
}

pub(crate) fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|v| v.to_bits()).collect()
}

/// Holds values to the plain ones, each within `bound` of the larger of its size and one.
pub(crate) fn close(ours: &[f32], plain: &[f64], bound: f64, what: &str) {
    assert_eq!(ours.len(), plain.len());
    for (i, (ours, plain)) in ours.iter().zip(plain).enumerate() {
        let error = (f64::from(*ours) - plain).abs() / plain.abs().max(1.0);
        assert!(error <= bound, "{what} {i}: {ours} against {plain}");
    }
}

/// This test program, to be run again: by the emulator that cargo was told to run it with, if it
/// was built for another machine.
pub(crate) fn this_program() -> Command {
    let arch = std::env::consts::ARCH.to_uppercase();
    let runner = format!("CARGO_TARGET_{arch}_UNKNOWN_LINUX_GNU_RUNNER");
    let runner = std::env::var(runner).unwrap_or_default();
    let program = std::env::current_exe().unwrap();
    let mut words = runner.split_whitespace();
    match words.next() {
        Some(emulator) => {
            let mut command = Command::new(emulator);
            command.args(words).arg(program);
            command
        }
        None => Command::new(program),
    }
}
