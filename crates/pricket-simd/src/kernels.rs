//! The table of kernels of one level, and the choice of a level.

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod arm;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avxvnni;
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
mod columns;
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
mod many;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neondot;
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
mod quantized;
mod scalar;
pub(crate) mod walk;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use half::f16;

use crate::activations::{FloatTiles, Run, TILE, Tiles};
use crate::matmul::Product;
use crate::ops::{Attended, AttentionSpace, AttentionTile, KvLine, RopePairing};
use crate::packed::{Line, Panel};
use crate::{Level, SimdError};

/// The environment variable that forces a level.
pub(crate) const LEVEL_VARIABLE: &str = "PRICKET_SIMD";

/// The slope of a bounded gate, and its limit.
pub(crate) type Bounds = [f32; 2];

/// What a level provides, as plain function pointers. Lengths were checked by the caller.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) quantize_single: fn(&[f32], &mut [Run<1>], usize),
    pub(crate) quantize_tile: fn(&[f32], &mut [Run<TILE>], usize),
    pub(crate) matvec: fn(&Panel<'_>, &[Run<1>], &mut [f32]),
    pub(crate) matmul: fn(&Panel<'_>, Tiles<'_>, Product<'_>),
    pub(crate) float_matvec: fn(&Panel<'_>, &[f32], &mut [f32]),
    pub(crate) float_matmul: fn(&Panel<'_>, FloatTiles<'_>, Product<'_>),
    pub(crate) fetch: fn(&[Line]),
    pub(crate) dot: fn(&[f32], &[f32]) -> f32,
    pub(crate) squared_distance: fn(&[f32], &[f32]) -> f32,
    pub(crate) max: fn(&[f32]) -> f32,
    pub(crate) add_assign: fn(&mut [f32], &[f32]),
    pub(crate) axpy: fn(&mut [f32], f32, &[f32]),
    pub(crate) scale: fn(&mut [f32], f32),
    pub(crate) rms_norm: fn(&[f32], &[f32], f32, &mut [f32]),
    pub(crate) layer_norm: fn(&mut [f32], &[f32], &[f32], f32),
    pub(crate) gelu: fn(&mut [f32]),
    pub(crate) gelu_tanh: fn(&mut [f32]),
    pub(crate) silu_mul: fn(&[f32], &[f32], &mut [f32]),
    pub(crate) gelu_mul: fn(&[f32], &[f32], &mut [f32]),
    pub(crate) bounded_mul: fn(&[f32], &[f32], Bounds, &mut [f32]),
    pub(crate) soft_cap: fn(&mut [f32], f32),
    pub(crate) softmax: fn(&mut [f32], f32),
    pub(crate) weigh: fn(&[f32], f32, f32, &mut [f32]) -> f32,
    pub(crate) rope: fn(&mut [f32], &[f32], &[f32], RopePairing),
    pub(crate) narrow: fn(&[f32], &mut [f16]),
    pub(crate) widen: fn(&[f16], &mut [f32]),
    pub(crate) attend_f16:
        fn(&AttentionTile<'_, f16>, Range<usize>, &mut AttentionSpace, &mut Attended<'_>),
    pub(crate) attend_f32:
        fn(&AttentionTile<'_, f32>, Range<usize>, &mut AttentionSpace, &mut Attended<'_>),
    pub(crate) attend_lines:
        fn(&AttentionTile<'_, KvLine>, Range<usize>, &mut AttentionSpace, &mut Attended<'_>),
    pub(crate) within_f16:
        fn(&AttentionTile<'_, f16>, Range<usize>, &mut AttentionSpace, &mut Attended<'_>),
    pub(crate) within_f32:
        fn(&AttentionTile<'_, f32>, Range<usize>, &mut AttentionSpace, &mut Attended<'_>),
    pub(crate) within_lines:
        fn(&AttentionTile<'_, KvLine>, Range<usize>, &mut AttentionSpace, &mut Attended<'_>),
    pub(crate) merge_attended: fn(&mut Attended<'_>, &Attended<'_>, usize),
    pub(crate) sink_attended: fn(&mut Attended<'_>, &[f32], usize),
}

/// The kernels of one instruction set.
///
/// They are chosen once: [`Kernels::detect`] takes the best that the processor runs, or the one
/// that `PRICKET_SIMD` names.
pub struct Kernels {
    level: Level,
    table: Table,
    // On a line of its own: every product writes it, and all threads read what stands beside it.
    matmuls: CachePadded<AtomicU64>,
}

impl Kernels {
    fn new(level: Level, table: &Table) -> Self {
        Self { level, table: *table, matmuls: CachePadded::new(AtomicU64::new(0)) }
    }

    /// The best kernels that this processor runs, or those that `PRICKET_SIMD` names. The choice
    /// is made at the first call and kept; a wrong name or a level that cannot run is an error.
    pub fn detect() -> Result<&'static Self, SimdError> {
        static CHOICE: OnceLock<&'static Kernels> = OnceLock::new();
        if let Some(kernels) = CHOICE.get() {
            return Ok(kernels);
        }
        let kernels = Self::choose()?;
        Ok(CHOICE.get_or_init(|| kernels))
    }

    fn choose() -> Result<&'static Self, SimdError> {
        let kernels = match std::env::var(LEVEL_VARIABLE) {
            Ok(name) if !name.trim().is_empty() => Self::at(name.parse()?)?,
            _ => {
                let best = Level::ALL.into_iter().rev().find_map(|level| Self::at(level).ok());
                best.ok_or(SimdError::LevelUnavailable { level: Level::Scalar })?
            }
        };
        tracing::debug!(level = %kernels.level, "SIMD level chosen");
        Ok(kernels)
    }

    /// The kernels of `level`, if this processor runs them.
    pub fn at(level: Level) -> Result<&'static Self, SimdError> {
        static FASTER: [OnceLock<Option<Kernels>>; Level::ALL.len()] =
            [const { OnceLock::new() }; Level::ALL.len()];
        if level == Level::Scalar {
            return Ok(Self::scalar());
        }
        FASTER[level as usize]
            .get_or_init(|| faster_table(level).map(|table| Self::new(level, &table)))
            .as_ref()
            .ok_or(SimdError::LevelUnavailable { level })
    }

    /// The kernels that every processor runs.
    pub fn scalar() -> &'static Self {
        static SCALAR: OnceLock<Kernels> = OnceLock::new();
        SCALAR.get_or_init(|| Self::new(Level::Scalar, &scalar::table()))
    }

    /// The levels that this processor runs, slowest first.
    pub fn available() -> impl Iterator<Item = &'static Self> {
        Level::ALL.into_iter().filter_map(|level| Self::at(level).ok())
    }

    /// The instruction set.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Matrix products that these kernels have done since the program started.
    pub fn matmuls(&self) -> u64 {
        self.matmuls.load(Ordering::Relaxed)
    }

    /// Counts one product.
    pub(crate) fn count_matmul(&self) {
        self.matmuls.fetch_add(1, Ordering::Relaxed);
    }

    /// The function pointers.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }
}

/// The table of a level above the scalar one, if this processor runs it.
#[cfg(target_arch = "x86_64")]
fn faster_table(level: Level) -> Option<Table> {
    x86::table(level)
}

/// The table of a level above the scalar one, if this processor runs it.
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
fn faster_table(level: Level) -> Option<Table> {
    arm::table(level)
}

/// No level above the scalar one is written for this architecture.
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little"))))]
fn faster_table(_level: Level) -> Option<Table> {
    None
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernels").field("level", &self.level).finish_non_exhaustive()
    }
}
