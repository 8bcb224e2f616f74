//! Queries over the keys and values of a sequence.
//!
//! Attention is computed in chunks of [`ATTENTION_CHUNK`] positions, each with a softmax of its
//! own, and the chunks' results are merged in their order (Dao et al., 2022; Milakov and
//! Gimelshein, 2018). Chunks begin at fixed positions, so it does not matter who computes which: a
//! token of a prompt and a token on its own, one thread and many give the same bits.

mod body;
mod elements;
mod merge;
mod mixing;
mod opening;
mod scores;

use std::ops::Range;

pub(crate) use body::{Chunk, Rows, Steps, attend_strip};
pub use elements::{KvElement, KvLine, kv_lines, write_key_lines, write_value_lines};
pub(crate) use merge::{Merged, merge, merge_rows, sink};
pub(crate) use opening::{attend_opened, each_chunk, open_lines, values_of_keys};
pub(crate) use scores::soften_row;

use crate::ops::reductions::LANES;
use crate::{Kernels, SimdError};

/// Positions that share a softmax. A chunk's keys, 32 KiB of singles at a head dimension of 64,
/// stay in the first-level cache while the rows pass over them, and then its values.
pub const ATTENTION_CHUNK: usize = 128;

/// Positions whose keys are interleaved into a block.
pub const KEY_BLOCK: usize = 16;

/// Rows of queries that attend to the same keys and values: tokens of one sequence, and those of
/// their heads that share a key-value head.
#[derive(Debug, Clone, Copy)]
pub struct AttentionTile<'a, K> {
    /// (rows, width)
    pub queries: &'a [f32],
    /// How long a query and a key are: the head's dimension.
    pub width: usize,
    /// How long a value is, usually as long as a key.
    pub value_width: usize,
    /// To how many positions, from the first one on, each row attends: (rows).
    pub visible: &'a [usize],
    /// How many of them, the last ones, a row sees; all where there is no window.
    pub window: Option<usize>,
    /// The position that the keys and values begin at: a multiple of [`ATTENTION_CHUNK`].
    pub first: usize,
    /// The keys of all positions from `first` on: blocks of [`KEY_BLOCK`] positions, each
    /// (width, `KEY_BLOCK`). What a block holds beyond the visible positions counts for nothing.
    pub keys: &'a [K],
    /// The values of all positions from `first` on: (positions, value width).
    pub values: &'a [K],
    /// What scores are multiplied by before the softmax, usually `1 / sqrt(width)`.
    pub scale: f32,
    /// What scales scores down smoothly: a score counts as `cap * tanh(score / cap)`.
    pub softcap: Option<f32>,
}

/// What rows have attended to so far.
#[derive(Debug)]
pub struct Attended<'a> {
    /// Sums of values, each times its weight: (rows, value width).
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
    /// One chunk's sums of rows side by side: (rows, value width).
    sums: Vec<f32>,
    /// One chunk's scores, and then its weights: (rows, `ATTENTION_CHUNK`).
    scores: Vec<body::Scores>,
    /// One chunk's keys and values as singles.
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl AttentionSpace {
    /// Buffers for keys and values of these widths, which then never grow.
    pub fn with_widths(keys: usize, values: usize) -> Self {
        let mut space = Self::default();
        let room = |width: usize| width.saturating_mul(ATTENTION_CHUNK).saturating_add(LANES);
        space.keys.reserve_exact(room(keys));
        space.values.reserve_exact(room(values));
        space.fit(values);
        space
    }

    fn fit(&mut self, value_width: usize) {
        self.sums.resize(value_width.saturating_mul(body::ROWS_MAX), 0.0);
        self.scores.resize(body::SCORE_ROWS, body::Scores([0.0; ATTENTION_CHUNK]));
    }
}

impl<'a, K: KvElement> AttentionTile<'a, K> {
    /// Rows of queries.
    pub fn rows(&self) -> usize {
        self.visible.len()
    }

    /// The same rows over another cache.
    pub fn over<'b, C>(self, keys: &'b [C], values: &'b [C]) -> AttentionTile<'b, C>
    where
        'a: 'b,
    {
        let Self { queries, width, value_width, visible, window, first, scale, softcap, .. } = self;
        AttentionTile {
            queries,
            width,
            value_width,
            visible,
            window,
            first,
            keys,
            values,
            scale,
            softcap,
        }
    }

    /// The rows, for positions below `end`.
    fn rows_of(&self, end: usize) -> Rows<'a> {
        let Self { queries, width, value_width, visible, window, softcap, scale, .. } = *self;
        Rows { queries, width, value_width, visible, window, softcap, scale, end }
    }

    /// Some positions, from the start of a block on.
    fn chunk(&self, start: usize, positions: usize) -> Chunk<'a, K> {
        let [keys, values] = K::LENGTHS;
        let within = start.saturating_sub(self.first);
        let part = |all: &'a [K], length: fn(usize, usize) -> Option<usize>, width| {
            let range = length(width, within)?..length(width, within + positions)?;
            all.get(range)
        };
        let keys = part(self.keys, keys, self.width).unwrap_or_default();
        let values = part(self.values, values, self.value_width).unwrap_or_default();
        Chunk { start, positions, keys, values }
    }

    /// Checks every length against the shapes, for the positions of `span`, but for the values, and
    /// gives how many positions from `first` on are seen.
    fn check(&self, span: &Range<usize>, state: &Attended<'_>) -> Result<usize, SimdError> {
        let (rows, width) = (self.rows(), self.width.max(self.value_width));
        let end = span.end;
        check_start("the start of a span of positions", span.start)?;
        check_start("the first position of the keys", self.first)?;
        if span.start < self.first {
            return Err(SimdError::ShapeUnsupported {
                what: "the start of a span of positions",
                found: span.start,
                want: "no position before the keys' first",
            });
        }
        if rows == 0 || self.width == 0 || self.value_width == 0 || self.window == Some(0) {
            return Err(SimdError::Empty { what: "attention" });
        }
        elements::check_width(self.width, K::WIDTH_UNIT)?;
        let overflow = || SimdError::SizeOverflow { rows: rows.max(end), cols: width };
        let queries = rows.checked_mul(self.width).ok_or_else(overflow)?;
        let sums = rows.checked_mul(self.value_width).ok_or_else(overflow)?;
        SimdError::check_len("the queries", queries, self.queries.len())?;
        SimdError::check_len("the sums", sums, state.sums.len())?;
        SimdError::check_len("the peaks", rows, state.peaks.len())?;
        SimdError::check_len("the totals", rows, state.totals.len())?;
        let seen = end.min(self.visible.iter().copied().max().unwrap_or(0));
        let seen = seen.saturating_sub(self.first);
        let keys = K::LENGTHS[0](self.width, seen).ok_or_else(overflow)?;
        SimdError::check_room("the keys", keys, self.keys.len())?;
        Ok(seen)
    }

    /// Checks the values of the positions that are seen.
    fn check_values(&self, seen: usize) -> Result<(), SimdError> {
        elements::check_width(self.value_width, K::WIDTH_UNIT)?;
        let overflow = || SimdError::SizeOverflow { rows: seen, cols: self.value_width };
        let values = K::LENGTHS[1](self.value_width, seen).ok_or_else(overflow)?;
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
        let seen = tile.check(&span, state)?;
        tile.check_values(seen)?;
        space.fit(tile.value_width);
        K::run(self, tile, span, space, state);
        Ok(())
    }

    /// The same where a position's value is the first `value_width` numbers of its key, so that
    /// nothing is kept twice (latent attention: DeepSeek-AI, 2024). `tile.values` counts for
    /// nothing.
    ///
    /// Every chunk is opened to singles and its values are turned out of the keys' blocks, once for
    /// up to 64 rows: it pays where many rows share the keys.
    pub fn attend_within<K: KvElement>(
        &self,
        tile: &AttentionTile<'_, K>,
        span: Range<usize>,
        space: &mut AttentionSpace,
        state: &mut Attended<'_>,
    ) -> Result<(), SimdError> {
        tile.check(&span, state)?;
        SimdError::check_room("a key", tile.value_width, tile.width)?;
        space.fit(tile.value_width);
        K::run_within(self, tile, span, space, state);
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

    /// Lets each row attend to a sink beside all else: a score whose weight counts for the total,
    /// and that has no value (Xiao et al., 2023, in the form of gpt-oss: `OpenAI`, 2025). Row `i`
    /// has the sink `sinks[i % sinks.len()]`. It is done once, when every span is merged; a row
    /// that has attended to nothing stays so.
    ///
    /// # Errors
    /// [`SimdError::Empty`] where there is no sink, [`SimdError::ShapeUnsupported`] where the rows
    /// are no multiple of them, beside what lengths may be wrong.
    pub fn sink_attended(
        &self,
        state: &mut Attended<'_>,
        sinks: &[f32],
        width: usize,
    ) -> Result<(), SimdError> {
        let rows = state.totals.len();
        SimdError::check_len("the peaks", rows, state.peaks.len())?;
        SimdError::check_len("the sums", rows.saturating_mul(width), state.sums.len())?;
        if sinks.is_empty() {
            return Err(SimdError::Empty { what: "the sinks" });
        }
        if !rows.is_multiple_of(sinks.len()) {
            return Err(SimdError::ShapeUnsupported {
                what: "the number of rows",
                found: rows,
                want: "a multiple of the number of sinks",
            });
        }
        if width > 0 {
            (self.table().sink_attended)(state, sinks, width);
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

/// Refuses a position that lies within a chunk where one is to begin.
fn check_start(what: &'static str, found: usize) -> Result<(), SimdError> {
    if found.is_multiple_of(ATTENTION_CHUNK) {
        return Ok(());
    }
    Err(SimdError::ShapeUnsupported { what, found, want: "a multiple of ATTENTION_CHUNK" })
}
