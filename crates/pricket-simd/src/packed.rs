//! Weight matrices in the layout that the kernels read.
//!
//! Sixteen rows are interleaved into one group: 64-byte line after 64-byte line, each with four
//! consecutive columns of all 16 rows (one byte per code), so that one load feeds one dot product
//! over 16 rows. Scales and offsets stand in the same stream, just before the codes they belong to.

mod interleave;
mod layout;
mod opening;
mod rows;

use std::ops::Range;

pub(crate) use layout::{Layout, Line, Panel};
pub(crate) use opening::WeightRun;

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
    lines: Vec<Line>,
}

impl PackedMatrix {
    /// Packs a whole matrix of `rows` x `cols` values, stored row after row in `data`.
    pub fn pack(format: Format, rows: usize, cols: usize, data: &[u8]) -> Result<Self, SimdError> {
        let mut packer = Packer::new(format, rows, cols)?;
        packer.push_rows(data)?;
        packer.finish()
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
        self.lines.len() * size_of::<Line>()
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

    /// Some lines: `bytes` of them, from `skip` bytes behind the start of a group. Fewer where the
    /// matrix ends.
    pub(crate) fn lines(&self, group: usize, skip: usize, bytes: usize) -> &[Line] {
        let first = group.saturating_mul(self.group_lines).saturating_add(skip / size_of::<Line>());
        let last = first.saturating_add(bytes.div_ceil(size_of::<Line>())).min(self.lines.len());
        self.lines.get(first..last).unwrap_or_default()
    }

    /// The lines of some whole groups.
    pub(crate) fn panel(&self, groups: Range<usize>) -> Result<Panel<'_>, SimdError> {
        let count = self.groups();
        let lines = (groups.start <= groups.end && groups.end <= count)
            .then(|| self.lines.get(groups.start * self.group_lines..groups.end * self.group_lines))
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

/// Packs a matrix while its file streams in, so that the file's copy and the packed copy never
/// stand in memory together. It holds at most 15 rows back.
#[derive(Debug)]
pub struct Packer {
    matrix: PackedMatrix,
    row_bytes: usize,
    /// Bytes of whole rows that do not fill a group yet.
    pending: Vec<u8>,
    rows_seen: usize,
}

impl Packer {
    /// A packer for `rows` x `cols` values of `format`. It reserves the packed matrix at once, so
    /// a caller who takes sizes from a file checks them against the file's length first.
    pub fn new(format: Format, rows: usize, cols: usize) -> Result<Self, SimdError> {
        let overflow = || SimdError::SizeOverflow { rows, cols };
        let row_bytes = format.row_bytes(cols)?;
        if rows == 0 {
            return Err(SimdError::Empty { what: "a weight matrix" });
        }
        let layout = Layout::of(format);
        let group_lines = layout.group_lines(cols).ok_or_else(overflow)?;
        let total = rows.div_ceil(GROUP_ROWS).checked_mul(group_lines).ok_or_else(overflow)?;
        let bytes = total.checked_mul(size_of::<Line>()).ok_or_else(overflow)?;
        row_bytes.checked_mul(rows.max(GROUP_ROWS)).ok_or_else(overflow)?;
        let mut lines = Vec::new();
        lines.try_reserve_exact(total).map_err(|_| SimdError::OutOfMemory { bytes })?;
        let matrix = PackedMatrix { format, layout, rows, cols, group_lines, lines };
        Ok(Self { matrix, row_bytes, pending: Vec::new(), rows_seen: 0 })
    }

    /// Bytes of one row in the file.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Bytes of rows that wait for their group to fill: at most 15 rows.
    pub fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// Takes the next whole rows of the file, any number of them.
    pub fn push_rows(&mut self, data: &[u8]) -> Result<(), SimdError> {
        let count = data.len() / self.row_bytes;
        SimdError::check_len("the rows' bytes", count * self.row_bytes, data.len())?;
        let seen = self.rows_seen + count;
        if seen > self.matrix.rows {
            let count = self.matrix.rows;
            return Err(SimdError::OutOfRange { what: "row", found: seen - 1, count });
        }
        self.rows_seen = seen;
        let group_bytes = self.row_bytes * GROUP_ROWS;
        let mut rest = data;
        if !self.pending.is_empty() {
            let missing = group_bytes.saturating_sub(self.pending.len()).min(rest.len());
            let (head, tail) = rest.split_at(missing);
            self.pending.extend_from_slice(head);
            rest = tail;
            if self.pending.len() == group_bytes {
                let mut group = std::mem::take(&mut self.pending);
                self.push_group(&group);
                group.clear();
                self.pending = group;
            }
        }
        let mut groups = rest.chunks_exact(group_bytes);
        for group in &mut groups {
            self.push_group(group);
        }
        self.pending.extend_from_slice(groups.remainder());
        Ok(())
    }

    /// The packed matrix, once every row has been pushed.
    pub fn finish(mut self) -> Result<PackedMatrix, SimdError> {
        SimdError::check_len("the matrix's rows", self.matrix.rows, self.rows_seen)?;
        if !self.pending.is_empty() {
            let group = std::mem::take(&mut self.pending);
            self.push_group(&group);
        }
        Ok(self.matrix)
    }

    /// Packs up to 16 rows; absent rows become zeros.
    fn push_group(&mut self, rows: &[u8]) {
        let matrix = &mut self.matrix;
        let start = matrix.lines.len();
        matrix.lines.resize(start + matrix.group_lines, Line::ZERO);
        if let Some(group) = matrix.lines.get_mut(start..) {
            interleave::pack_group(matrix.format, matrix.layout, rows, self.row_bytes, group);
        }
    }
}
