//! Weight matrices in the layout that the kernels read.
//!
//! Sixteen rows are interleaved into one group: 64-byte line after 64-byte line, each with four
//! consecutive columns of all 16 rows (one byte per code), so that one load feeds one dot product
//! over 16 rows. Scales and offsets stand in the same stream, just before the codes they belong to.
//!
//! Codes keep the number of bits that the file gives them, but for what the kernels could not open
//! as fast as memory brings it: the points of the I-quants' grids become the places of their values
//! in a table of 16 steps, and ternary digits two bits. In bits for each weight, the file's beside
//! the packed ones: `IQ1_S` 1.56, `IQ1_M` 1.75, `IQ2_XXS` 2.06, `IQ2_XS` 2.31 and `IQ2_S` 2.56
//! take 3.625; `IQ3_XXS` 3.06, `IQ3_S` 3.44 and `IQ4_XS` 4.25 take 4.375; MXFP4 4.25 takes 4.5;
//! `TQ1_0` 1.69 and `TQ2_0` 2.06 take 2.125. `F8_E4M3` stays at 8.25 and multiplies floats: its
//! values have 18 powers of two between them, which no integer of 8 bits holds.

mod interleave;
mod layout;
mod lines;
mod opening;
mod packer;
mod refill;
mod rows;

use std::ops::Range;
use std::sync::Arc;

pub(crate) use layout::{Layout, Line, Panel};
pub(crate) use opening::WeightRun;
pub use packer::{Packer, PackerPiece, packed_bytes};

use lines::Lines;

use crate::{ActKind, Format, SimdError};

/// Rows that are interleaved into one group.
pub const GROUP_ROWS: usize = 16;

/// An immutable weight matrix, packed for the kernels. It may be shared between threads.
///
/// Block formats keep their codes and scales exactly; [`PackedMatrix::row_into`] gives the same
/// bits as [`crate::dequantize_row`] on the file's row.
pub struct PackedMatrix {
    format: Format,
    layout: Layout,
    rows: usize,
    cols: usize,
    group_lines: usize,
    /// The memory that it shares with the matrices it was packed beside, and its place there.
    lines: Arc<Lines>,
    place: Range<usize>,
}

impl PackedMatrix {
    /// Packs a whole matrix of `rows` x `cols` values, stored row after row in `data`.
    pub fn pack(format: Format, rows: usize, cols: usize, data: &[u8]) -> Result<Self, SimdError> {
        let mut packer = Packer::new([(format, rows, cols)])?;
        packer.pieces(usize::MAX).try_for_each(|piece| piece.pack(data))?;
        packer.finish()?.pop().ok_or(SimdError::Empty { what: "packing" })
    }

    /// Rows: the length of the product.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns: the length of a vector it multiplies.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Groups of 16 rows, the last one perhaps partly filled: the unit in which work is split.
    pub fn groups(&self) -> usize {
        self.rows.div_ceil(GROUP_ROWS)
    }

    /// Bytes that the packed weights take.
    pub fn bytes(&self) -> usize {
        self.place.len() * size_of::<Line>()
    }

    /// The format of the file that it came from.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The kind of activations that it multiplies.
    pub fn activation_kind(&self) -> ActKind {
        self.layout.activation_kind()
    }

    /// Writes row `row` as numbers into `out`, which holds [`cols`](Self::cols) values.
    pub fn row_into(&self, row: usize, out: &mut [f32]) -> Result<(), SimdError> {
        if row >= self.rows {
            return Err(SimdError::OutOfRange { what: "row", found: row, count: self.rows });
        }
        SimdError::check_len("the row", self.cols, out.len())?;
        let group = row / GROUP_ROWS;
        rows::row_into(&self.panel(group..group + 1)?, row % GROUP_ROWS, out);
        Ok(())
    }

    fn own_lines(&self) -> &[Line] {
        self.lines.get().get(self.place.clone()).unwrap_or_default()
    }

    /// Some lines: `bytes` of them, from `skip` bytes behind the start of a group. Fewer where the
    /// matrix ends.
    pub(crate) fn lines(&self, group: usize, skip: usize, bytes: usize) -> &[Line] {
        let first = group.saturating_mul(self.group_lines).saturating_add(skip / size_of::<Line>());
        let last = first.saturating_add(bytes.div_ceil(size_of::<Line>())).min(self.place.len());
        self.own_lines().get(first..last).unwrap_or_default()
    }

    /// The lines of some whole groups.
    pub(crate) fn panel(&self, groups: Range<usize>) -> Result<Panel<'_>, SimdError> {
        let count = self.groups();
        let lines = (groups.start <= groups.end && groups.end <= count)
            .then(|| {
                self.own_lines().get(groups.start * self.group_lines..groups.end * self.group_lines)
            })
            .flatten()
            .ok_or(SimdError::OutOfRange { what: "group", found: groups.end, count })?;
        let last_row = (groups.end * GROUP_ROWS).min(self.rows);
        Ok(Panel {
            layout: self.layout,
            lines,
            group_lines: self.group_lines,
            rows: last_row.saturating_sub(groups.start * GROUP_ROWS),
        })
    }
}

impl std::fmt::Debug for PackedMatrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PackedMatrix")
            .field("format", &self.format)
            .field("rows", &self.rows)
            .field("cols", &self.cols)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}
