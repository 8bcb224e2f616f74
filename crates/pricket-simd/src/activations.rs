//! The vectors that weights are multiplied by, laid out as the kernels read them.

use std::fmt;

use crate::{Kernels, SimdError};

/// Tokens in one full tile of the matmul kernels.
pub(crate) const TILE: usize = 16;

/// The kinds of activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ActKind {
    /// Singles, for F32, F16 and BF16 weights.
    F32,
    /// Signed bytes with an f32 scale per 32 values, for quantised weights.
    Q8,
}

impl fmt::Display for ActKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Q8 => "q8",
        })
    }
}

/// 32 consecutive columns of `T` tokens: value `k` of token `t` is `scale[t] * q[t][k]`.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Run<const T: usize> {
    /// Four bytes a word, least significant first; each in -127..=127.
    pub(crate) q: [[i32; 8]; T],
    /// Scales; zero for a run of zeros.
    pub(crate) scale: [f32; T],
    /// `-8 * sum`: where a sum of products begins whose weights' zero is 8.
    pub(crate) minus_8: [i32; T],
    /// `scale * sum(q)`: what a weight offset of one adds.
    pub(crate) scaled_sum: [f32; T],
    /// `-128 * sum`: where a sum of products begins whose weights' zero is 128.
    pub(crate) minus_128: [i32; T],
    /// Less the sums of `q` over columns 0..16 and 16..32.
    pub(crate) minus_half: [[i32; T]; 2],
}

/// Tiles of up to 16 tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiles<'a> {
    /// Tile after tile.
    pub(crate) runs: &'a [Run<TILE>],
    /// Runs of each tile.
    pub(crate) per_tile: usize,
}

/// The same of floats.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FloatTiles<'a> {
    /// Tile after tile, of each a column's value of 16 tokens, column after column.
    pub(crate) columns: &'a [[f32; TILE]],
    /// Columns of each tile.
    pub(crate) per_tile: usize,
}

impl<const T: usize> Default for Run<T> {
    fn default() -> Self {
        let zeros = [0; T];
        Self {
            q: [[0; 8]; T],
            scale: [0.0; T],
            minus_8: zeros,
            scaled_sum: [0.0; T],
            minus_128: zeros,
            minus_half: [zeros; 2],
        }
    }
}

/// A reusable buffer of activations: `tokens` vectors of `cols` values.
///
/// One token is laid out for the matvec kernel, more are laid out in tiles of 16. Setting values
/// allocates nothing as long as they fit the capacity.
#[derive(Debug)]
pub struct Activations {
    kind: ActKind,
    tokens: usize,
    cols: usize,
    /// Columns that hold what was set, from the first one on.
    columns_set: usize,
    single_runs: Vec<Run<1>>,
    tile_runs: Vec<Run<TILE>>,
    single_floats: Vec<f32>,
    /// One entry per column and tile: that column's value of 16 tokens.
    tile_floats: Vec<[f32; TILE]>,
}

/// Runs of 32 that `cols` values take: an even number, because some layouts have units of 64.
fn padded_runs(cols: usize) -> usize {
    cols.div_ceil(64) * 2
}

/// Columns that floats take: a multiple of four, because the 16-bit layouts hold two to a line and
/// the 8-bit one holds four.
fn padded_floats(cols: usize) -> usize {
    cols.div_ceil(4) * 4
}

/// How many values there are.
fn size(rows: usize, cols: usize) -> Result<usize, SimdError> {
    rows.checked_mul(cols).ok_or(SimdError::SizeOverflow { rows, cols })
}

/// Makes a buffer hold at least `len` values.
fn fit<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) -> Result<(), SimdError> {
    let more = len.saturating_sub(buffer.len());
    let bytes = len.saturating_mul(size_of::<T>());
    buffer.try_reserve(more).map_err(|_| SimdError::OutOfMemory { bytes })?;
    if more > 0 {
        buffer.resize(len, T::default());
    }
    Ok(())
}

/// Lays up to 16 rows of `width` values out column after column: by fours, so that four values of a
/// column are written at once.
fn interleave(columns: &mut [[f32; TILE]], rows: &[f32], width: usize) {
    for (quad, rows) in rows.chunks(4 * width).enumerate() {
        let at = |row: usize| rows.get(row * width..(row + 1) * width).unwrap_or_default();
        let [a, b, c, d] = [at(0), at(1), at(2), at(3)];
        if d.is_empty() {
            for (token, row) in rows.chunks_exact(width).enumerate() {
                for (column, value) in columns.iter_mut().zip(row) {
                    column[(4 * quad + token) % TILE] = *value;
                }
            }
            continue;
        }
        for ((((column, a), b), c), d) in columns.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            column.as_chunks_mut::<4>().0[quad % 4] = [*a, *b, *c, *d];
        }
    }
}

impl Activations {
    /// A buffer with room for `tokens_max` vectors of `cols_max` values of either kind.
    pub fn with_capacity(tokens_max: usize, cols_max: usize) -> Self {
        let tiles = if tokens_max > 1 { tokens_max.div_ceil(TILE) } else { 0 };
        let (runs, floats) = (padded_runs(cols_max), padded_floats(cols_max));
        Self {
            kind: ActKind::F32,
            tokens: 0,
            cols: 0,
            columns_set: 0,
            single_runs: Vec::with_capacity(runs),
            tile_runs: Vec::with_capacity(tiles.saturating_mul(runs)),
            single_floats: Vec::with_capacity(floats),
            tile_floats: Vec::with_capacity(tiles.saturating_mul(floats)),
        }
    }

    /// Takes `tokens` vectors of `cols` values, row after row in `x`, and lays them out as `kind`.
    ///
    /// Quantised activations need a multiple of 32 columns. A NaN or an infinity makes every
    /// product with its token NaN or infinite; it is never rounded away.
    pub fn set(
        &mut self,
        kernels: &Kernels,
        kind: ActKind,
        x: &[f32],
        tokens: usize,
        cols: usize,
    ) -> Result<(), SimdError> {
        let expected = size(tokens, cols)?;
        SimdError::check_len("the activations", expected, x.len())?;
        self.begin(kind, tokens, cols)?;
        self.set_columns(kernels, 0, cols, x)
    }

    /// Makes room for `tokens` vectors of `cols` values of `kind`, which
    /// [`set_columns`](Self::set_columns) then fills, some columns at a time, from the first to the
    /// last. Until all are set, no product takes them.
    pub fn begin(&mut self, kind: ActKind, tokens: usize, cols: usize) -> Result<(), SimdError> {
        if tokens == 0 || cols == 0 {
            return Err(SimdError::Empty { what: "a set of activations" });
        }
        size(tokens, cols)?;
        if kind == ActKind::Q8 && !cols.is_multiple_of(32) {
            let (what, want) = ("the number of columns", "a multiple of 32");
            return Err(SimdError::ShapeUnsupported { what, found: cols, want });
        }
        let (runs, floats) = (padded_runs(cols), padded_floats(cols));
        let tiles = tokens.div_ceil(TILE);
        match (kind, tokens) {
            (ActKind::Q8, 1) => {
                fit(&mut self.single_runs, runs)?;
                self.single_runs.truncate(runs);
                self.single_runs.iter_mut().skip(cols / 32).for_each(|run| *run = Run::default());
            }
            (ActKind::Q8, _) => {
                fit(&mut self.tile_runs, size(tiles, runs)?)?;
                for tile in self.tile_runs.chunks_exact_mut(runs).take(tiles) {
                    tile.iter_mut().skip(cols / 32).for_each(|run| *run = Run::default());
                }
            }
            (ActKind::F32, 1) => {
                fit(&mut self.single_floats, floats)?;
                self.single_floats.truncate(floats);
                self.single_floats.iter_mut().skip(cols).for_each(|value| *value = 0.0);
            }
            (ActKind::F32, _) => {
                fit(&mut self.tile_floats, size(tiles, floats)?)?;
                for tile in self.tile_floats.chunks_exact_mut(floats).take(tiles) {
                    tile.iter_mut().skip(cols).for_each(|column| *column = [0.0; TILE]);
                }
            }
        }
        (self.kind, self.tokens, self.cols, self.columns_set) = (kind, tokens, cols, 0);
        Ok(())
    }

    /// Takes the columns from `first` on, `width` of them, of every vector: (tokens, width) in
    /// `x`. `first` is where the last call ended. Quantised activations take whole runs of 32
    /// columns.
    pub fn set_columns(
        &mut self,
        kernels: &Kernels,
        first: usize,
        width: usize,
        x: &[f32],
    ) -> Result<(), SimdError> {
        let expected = self.tokens.saturating_mul(width);
        SimdError::check_len("the activations", expected, x.len())?;
        let end = first.saturating_add(width);
        SimdError::check_room("the vector", end, self.cols)?;
        SimdError::check_len("the columns before these", first, self.columns_set)?;
        if self.kind == ActKind::Q8 && !width.is_multiple_of(32) {
            let (what, want) = ("the number of columns", "a multiple of 32");
            return Err(SimdError::ShapeUnsupported { what, found: width, want });
        }
        if width == 0 {
            return Ok(());
        }
        let (runs, floats) = (padded_runs(self.cols), padded_floats(self.cols));
        let table = kernels.table();
        match (self.kind, self.tokens) {
            (ActKind::Q8, 1) => {
                if let Some(runs) = self.single_runs.get_mut(first / 32..end / 32) {
                    (table.quantize_single)(x, runs, 0);
                }
            }
            (ActKind::Q8, _) => {
                let tiles = self.tile_runs.chunks_exact_mut(runs);
                for (tile, rows) in tiles.zip(x.chunks(TILE * width)) {
                    let tile = tile.get_mut(first / 32..end / 32).unwrap_or_default();
                    for (token, row) in rows.chunks_exact(width).enumerate() {
                        (table.quantize_tile)(row, tile, token);
                    }
                }
            }
            (ActKind::F32, 1) => {
                if let Some(places) = self.single_floats.get_mut(first..end) {
                    places.copy_from_slice(x);
                }
            }
            (ActKind::F32, _) => {
                let tiles = self.tile_floats.chunks_exact_mut(floats);
                for (tile, rows) in tiles.zip(x.chunks(TILE * width)) {
                    interleave(tile.get_mut(first..end).unwrap_or_default(), rows, width);
                }
            }
        }
        self.columns_set = end;
        Ok(())
    }

    /// The kind that was set last.
    pub fn kind(&self) -> ActKind {
        self.kind
    }

    /// Vectors held; zero before the first [`set`](Self::set).
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Values of each vector.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Columns that were set since [`begin`](Self::begin).
    pub(crate) fn columns_set(&self) -> usize {
        self.columns_set
    }

    /// The one token's runs.
    pub(crate) fn single_runs(&self) -> &[Run<1>] {
        &self.single_runs
    }

    /// The one token's floats, padded to an even number.
    pub(crate) fn single_floats(&self) -> &[f32] {
        &self.single_floats
    }

    /// Tiles of up to 16 tokens, each with its runs.
    pub(crate) fn run_tiles(&self) -> Tiles<'_> {
        let per_tile = padded_runs(self.cols).max(1);
        let used = self.tokens.div_ceil(TILE) * per_tile;
        Tiles { runs: self.tile_runs.get(..used).unwrap_or_default(), per_tile }
    }

    /// Tiles of up to 16 tokens, each with its columns.
    pub(crate) fn float_tiles(&self) -> FloatTiles<'_> {
        let per_tile = padded_floats(self.cols).max(1);
        let used = self.tokens.div_ceil(TILE) * per_tile;
        FloatTiles { columns: self.tile_floats.get(..used).unwrap_or_default(), per_tile }
    }
}
