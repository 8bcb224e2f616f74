//! What this machine can do at most: bytes read and 8-bit products in a second.
//!
//! The two numbers bound decode and prefill. They are measured beside whatever is held against
//! them, because the clock and the memory of a shared machine change from minute to minute.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use multiversion::{multiversion, target::match_target};

/// Bytes that a thread reads in one pass: more than a last-level cache keeps for it.
const PASS_BYTES: usize = 128 << 20;
/// Rounds of the arithmetic loop: some ten milliseconds, as the products take that are held against
/// it, so that whoever else runs here disturbs both alike.
const BURN_ROUNDS: u32 = 4_000_000;
/// How often each is tried; the best counts, because nobody beats the machine by luck.
const TRIES: usize = 3;

/// What a number of threads of this machine can do at most.
#[derive(Debug, Clone)]
pub struct Limits {
    threads: usize,
    memory: Vec<Vec<[u64; 8]>>,
}

impl Limits {
    /// For so many threads; it holds 128 MiB for each.
    pub fn new(threads: usize) -> Self {
        let line = |index: usize| [index as u64; 8];
        let pass = || (0..PASS_BYTES / size_of::<[u64; 8]>()).map(line).collect();
        Self { threads, memory: (0..threads).map(|_| pass()).collect() }
    }

    /// Bytes that all threads read from memory in a second.
    pub fn read_bytes(&self) -> f64 {
        let pass = || {
            let started = Instant::now();
            thread::scope(|scope| {
                for memory in &self.memory {
                    scope.spawn(|| black_box(folded(black_box(memory))));
                }
            });
            (self.threads * PASS_BYTES) as f64 / started.elapsed().as_secs_f64()
        };
        most(pass)
    }

    /// Products of 8-bit numbers and their additions that all threads do in a second; each product
    /// and each addition counts. The loop has the instructions of the best level that the
    /// processor has: `vpdpbusd` at 512 bits, at 256 bits (AVX-VNNI), `vpmaddubsw` at 512 bits, at
    /// 256 bits.
    pub fn int8_operations(&self) -> f64 {
        let pass = || {
            let started = Instant::now();
            let operations: f64 = thread::scope(|scope| {
                let workers: Vec<_> =
                    (0..self.threads).map(|_| scope.spawn(|| burn(BURN_ROUNDS))).collect();
                workers.into_iter().map(|worker| worker.join().unwrap_or(0.0)).sum()
            });
            operations / started.elapsed().as_secs_f64()
        };
        most(pass)
    }
}

fn most(mut measure: impl FnMut() -> f64) -> f64 {
    (0..TRIES).map(|_| measure()).fold(0.0, f64::max)
}

/// All lines in one, so that each has to be read. Four streams run side by side: a processor
/// fetches ahead for each, but not far enough for one to fill its memory's pipe.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq+avx512vnni+avx2+fma+f16c",
    "x86_64+avx2+fma+f16c"
))]
fn folded(memory: &[[u64; 8]]) -> [u64; 8] {
    let (front, back) = memory.split_at(memory.len() / 2);
    let ((a, b), (c, d)) = (front.split_at(front.len() / 2), back.split_at(back.len() / 2));
    let mut sums = [[0_u64; 8]; 4];
    for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
        for (sum, line) in sums.iter_mut().zip([a, b, c, d]) {
            for (lane, value) in sum.iter_mut().zip(line) {
                *lane ^= value;
            }
        }
    }
    let [a, b, c, d] = sums;
    std::array::from_fn(|lane| a[lane] ^ b[lane] ^ c[lane] ^ d[lane])
}

/// Does arithmetic from registers alone and gives how many operations it was.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq+avx512vnni+avx2+fma+f16c",
    "x86_64+avxvnni+avx2+fma+f16c",
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq+avx2+fma+f16c",
    "x86_64+avx2+fma+f16c"
))]
fn burn(rounds: u32) -> f64 {
    match_target! {
        "x86_64+avx512vnni" => x86::burn_vnni(rounds),
        "x86_64+avxvnni" => x86::burn_avxvnni(rounds),
        "x86_64+avx512bw" => x86::burn_avx512(rounds),
        "x86_64+avx2" => x86::burn_avx2(rounds),
        _ => burn_plain(rounds),
    }
}

/// Without instructions for it: 32-bit products in as many lanes as the compiler finds.
#[inline]
fn burn_plain(rounds: u32) -> f64 {
    const LANES: usize = 64;
    let factors: [i32; LANES] = black_box(std::array::from_fn(|lane| lane as i32 | 1));
    let mut sums = factors;
    for _ in 0..rounds / 8 {
        for (sum, factor) in sums.iter_mut().zip(factors) {
            *sum = sum.wrapping_mul(factor).wrapping_add(factor);
        }
    }
    black_box(sums);
    f64::from(rounds / 8) * LANES as f64 * 2.0
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The loops in which every instruction multiplies.

    use core::arch::x86_64::{
        _mm256_add_epi32, _mm256_dpbusd_avx_epi32, _mm256_madd_epi16, _mm256_maddubs_epi16,
        _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setzero_si256, _mm512_add_epi32,
        _mm512_dpbusd_epi32, _mm512_madd_epi16, _mm512_maddubs_epi16, _mm512_set1_epi8,
        _mm512_set1_epi16, _mm512_setzero_si512,
    };
    use std::hint::black_box;

    /// Sums in flight: more than latency times throughput of either loop, and few enough for the
    /// registers.
    const SUMS: usize = 12;

    /// `vpdpbusd`: 64 products and additions each.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
    pub(super) fn burn_vnni(rounds: u32) -> f64 {
        let (a, b) = (black_box(_mm512_set1_epi8(3)), black_box(_mm512_set1_epi8(5)));
        let mut sums = [_mm512_setzero_si512(); SUMS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, a, b);
            }
        }
        black_box(sums);
        f64::from(rounds) * (SUMS * 64 * 2) as f64
    }

    /// `vpdpbusd` at 256 bits: 32 products and additions each.
    #[inline]
    #[target_feature(enable = "avxvnni,avx2,fma,f16c")]
    pub(super) fn burn_avxvnni(rounds: u32) -> f64 {
        let (a, b) = (black_box(_mm256_set1_epi8(3)), black_box(_mm256_set1_epi8(5)));
        let mut sums = [_mm256_setzero_si256(); SUMS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_dpbusd_avx_epi32(*sum, a, b);
            }
        }
        black_box(sums);
        f64::from(rounds) * (SUMS * 32 * 2) as f64
    }

    /// `vpmaddubsw`, `vpmaddwd`, `vpaddd` at 512 bits: 64 products and additions in three
    /// instructions.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
    pub(super) fn burn_avx512(rounds: u32) -> f64 {
        let (b, ones) = (black_box(_mm512_set1_epi8(5)), black_box(_mm512_set1_epi16(1)));
        let mut sums = [b; SUMS];
        for _ in 0..rounds {
            for sum in &mut sums {
                let pairs = _mm512_maddubs_epi16(*sum, b);
                *sum = _mm512_add_epi32(*sum, _mm512_madd_epi16(pairs, ones));
            }
        }
        black_box(sums);
        f64::from(rounds) * (SUMS * 64 * 2) as f64
    }

    /// `vpmaddubsw`, `vpmaddwd`, `vpaddd`: 32 products and additions in three instructions.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) fn burn_avx2(rounds: u32) -> f64 {
        let (b, ones) = (black_box(_mm256_set1_epi8(5)), black_box(_mm256_set1_epi16(1)));
        let mut sums = [b; SUMS];
        for _ in 0..rounds {
            for sum in &mut sums {
                let pairs = _mm256_maddubs_epi16(*sum, b);
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
            }
        }
        black_box(sums);
        f64::from(rounds) * (SUMS * 32 * 2) as f64
    }
}
