//! Queries over the keys and values of a sequence.
//!
//! Attention is computed in chunks of [`ATTENTION_CHUNK`] positions, each with a softmax of its
//! own, and the chunks' results are merged in their order (Dao et al., 2022; Milakov and
//! Gimelshein, 2018). Chunks begin at fixed positions, so it does not matter who computes which: a
//! token of a prompt and a token on its own, one thread and many give the same bits.

mod body;
mod merge;
mod mixing;
mod scores;

use std::ops::Range;

use half::f16;

pub(crate) use body::{Steps, attend};
pub(crate) use merge::{Merged, merge, merge_rows};
pub(crate) use scores::soften_row;

use crate::{Kernels, SimdError};

/// Positions that share a softmax. A chunk's keys and values, 32 KiB at a head dimension of 64 in
/// halves, stay in the first-level cache while the rows pass over them.
pub const ATTENTION_CHUNK: usize = 128;

/// Positions whose keys are interleaved into a block.
pub const KEY_BLOCK: usize = 16;

mod sealed {
    use super::{Attended, AttentionSpace, AttentionTile, Kernels, Range};

    /// Nobody outside can name this, so nobody but [`Kernels::attend`] calls it.
    pub trait Attending: Sized {
        /// Runs the kernel for this element. The lengths are checked.
        fn run(
            kernels: &Kernels,
            tile: &AttentionTile<'_, Self>,
            span: Range<usize>,
            space: &mut AttentionSpace,
            state: &mut Attended<'_>,
        );
    }
}

/// What a KV cache stores: `f32` or [`half::f16`].
pub trait KvElement:
    Copy + Default + Send + Sync + std::fmt::Debug + 'static + sealed::Attending
{
}

impl KvElement for f32 {}
impl KvElement for f16 {}

impl sealed::Attending for f32 {
    fn run(
        kernels: &Kernels,
        tile: &AttentionTile<'_, Self>,
        span: Range<usize>,
        space: &mut AttentionSpace,
        state: &mut Attended<'_>,
    ) {
        (kernels.table().attend_f32)(tile, span, space, state);
    }
}

impl sealed::Attending for f16 {
    fn run(
        kernels: &Kernels,
        tile: &AttentionTile<'_, Self>,
        span: Range<usize>,
        space: &mut AttentionSpace,
        state: &mut Attended<'_>,
    ) {
        (kernels.table().attend_f16)(tile, span, space, state);
    }
}

/// Rows of queries that attend to the same keys and values: tokens of one sequence, and those of
/// their heads that share a key-value head.
#[derive(Debug, Clone, Copy)]
pub struct AttentionTile<'a, K> {
    /// (rows, width)
    pub queries: &'a [f32],
    /// The head's dimension.
    pub width: usize,
    /// To how many positions, from the first one on, each row attends: (rows).
    pub visible: &'a [usize],
    /// The keys of all positions from the first one on: blocks of [`KEY_BLOCK`] positions, each
    /// (width, `KEY_BLOCK`). What a block holds beyond the visible positions counts for nothing.
    pub keys: &'a [K],
    /// The values of all positions from the first one on: (positions, width).
    pub values: &'a [K],
    /// What scores are multiplied by before the softmax, usually `1 / sqrt(width)`.
    pub scale: f32,
}

/// What rows have attended to so far.
#[derive(Debug)]
pub struct Attended<'a> {
    /// Sums of values, each times its weight: (rows, width).
    pub sums: &'a mut [f32],
    /// The greatest score of each row: (rows). It counts for nothing where the total is zero.
    pub peaks: &'a mut [f32],
    /// The sum of each row's weights, `exp(score - peak)`: (rows). Zero for a row that has not
    /// attended to anything.
    pub totals: &'a mut [f32],
}

/// Buffers that attention reuses from call to call.
#[derive(Debug, Clone, Default)]
pub struct AttentionSpace {
    /// One chunk's sums: (rows, width).
    sums: Vec<f32>,
}

impl AttentionSpace {
    /// Buffers for heads of `width`, which then never grow.
    pub fn with_width(width: usize) -> Self {
        Self { sums: Vec::with_capacity(width.saturating_mul(body::ROWS_MAX)) }
    }
}

impl<K> AttentionTile<'_, K> {
    /// Rows of queries.
    pub fn rows(&self) -> usize {
        self.visible.len()
    }

    /// Checks every length against the shapes, for positions below `end`.
    fn check(&self, end: usize, state: &Attended<'_>) -> Result<(), SimdError> {
        let (rows, width) = (self.rows(), self.width);
        if rows == 0 || width == 0 {
            return Err(SimdError::Empty { what: "attention" });
        }
        let overflow = || SimdError::SizeOverflow { rows: rows.max(end), cols: width };
        let queries = rows.checked_mul(width).ok_or_else(overflow)?;
        SimdError::check_len("the queries", queries, self.queries.len())?;
        SimdError::check_len("the sums", queries, state.sums.len())?;
        SimdError::check_len("the peaks", rows, state.peaks.len())?;
        SimdError::check_len("the totals", rows, state.totals.len())?;
        let seen = end.min(self.visible.iter().copied().max().unwrap_or(0));
        let block = width.checked_mul(KEY_BLOCK).ok_or_else(overflow)?;
        let keys = seen.div_ceil(KEY_BLOCK).checked_mul(block).ok_or_else(overflow)?;
        SimdError::check_room("the keys", keys, self.keys.len())?;
        let values = seen.checked_mul(width).ok_or_else(overflow)?;
        SimdError::check_room("the values", values, self.values.len())
    }
}

impl Kernels {
    /// Attends to the positions of `span` and merges the result into `state`, chunk after chunk.
    /// `span` begins at a multiple of [`ATTENTION_CHUNK`]; positions that a row does not see, and
    /// positions beyond a row's last, add nothing to it.
    ///
    /// Rows are finished by [`Kernels::finish_attended`] once every span is merged.
    pub fn attend<K: KvElement>(
        &self,
        tile: &AttentionTile<'_, K>,
        span: Range<usize>,
        space: &mut AttentionSpace,
        state: &mut Attended<'_>,
    ) -> Result<(), SimdError> {
        tile.check(span.end, state)?;
        if !span.start.is_multiple_of(ATTENTION_CHUNK) {
            return Err(SimdError::ShapeUnsupported {
                what: "the start of a span of positions",
                found: span.start,
                want: "a multiple of ATTENTION_CHUNK",
            });
        }
        K::run(self, tile, span, space, state);
        Ok(())
    }

    /// Merges what the same rows attended to in a later span into `state`. Merging a span's result
    /// into an empty state, or attending with that state, gives the same bits.
    pub fn merge_attended(
        &self,
        state: &mut Attended<'_>,
        part: &Attended<'_>,
        width: usize,
    ) -> Result<(), SimdError> {
        SimdError::check_len("the part's sums", state.sums.len(), part.sums.len())?;
        SimdError::check_len("the part's peaks", state.peaks.len(), part.peaks.len())?;
        SimdError::check_len("the part's totals", state.totals.len(), part.totals.len())?;
        SimdError::check_len("the totals", state.peaks.len(), state.totals.len())?;
        let sums = state.peaks.len().saturating_mul(width);
        SimdError::check_len("the sums", sums, state.sums.len())?;
        if width > 0 {
            (self.table().merge_attended)(state, part, width);
        }
        Ok(())
    }

    /// Turns sums into averages: `state.sums` then is what attention gives.
    ///
    /// # Errors
    /// [`SimdError::Empty`] where a row has attended to nothing, beside what lengths may be wrong.
    pub fn finish_attended(&self, state: &mut Attended<'_>, width: usize) -> Result<(), SimdError> {
        let sums = state.totals.len().saturating_mul(width);
        SimdError::check_len("the sums", sums, state.sums.len())?;
        if state.totals.contains(&0.0) {
            return Err(SimdError::Empty { what: "a row of attention" });
        }
        if width > 0 {
            for (row, total) in state.sums.chunks_exact_mut(width).zip(&*state.totals) {
                self.scale(row, 1.0 / total);
            }
        }
        Ok(())
    }
}
