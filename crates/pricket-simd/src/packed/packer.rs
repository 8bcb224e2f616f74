//! Packing: matrices cut into pieces that any threads fill.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::layout::{Layout, Line};
use super::lines::Lines;
use super::{GROUP_ROWS, PackedMatrix, interleave};
use crate::{Format, SimdError};

/// Matrices that are being packed into one block of memory, so that the file's copy and the packed
/// copy never stand in memory together: [`Packer::pieces`] cuts them, each piece takes its rows,
/// and [`Packer::finish`] gives the matrices once all have come.
pub struct Packer {
    lines: Lines,
    sheets: Vec<Sheet>,
}

/// What the matrix takes.
#[derive(Debug)]
pub(super) struct Sheet {
    format: Format,
    rows: usize,
    cols: usize,
    row_bytes: usize,
    group_lines: usize,
    rows_packed: AtomicUsize,
}

/// Some rows of a matrix that is being packed.
pub struct PackerPiece<'a> {
    index: usize,
    sheet: &'a Sheet,
    rows: Range<usize>,
    lines: &'a mut [Line],
}

impl Packer {
    /// A packer for matrices of these formats, rows and columns, side by side in this order. It
    /// asks the system for all of the packed matrices at once and touches none of them; a caller
    /// who takes sizes from a file checks them against the file's length first.
    pub fn new(
        shapes: impl IntoIterator<Item = (Format, usize, usize)>,
    ) -> Result<Self, SimdError> {
        let (mut lines, mut sheets) = (0_usize, Vec::new());
        for (format, rows, cols) in shapes {
            let sheet = Sheet::new(format, rows, cols)?;
            let overflow = SimdError::SizeOverflow { rows, cols };
            lines = lines.checked_add(sheet.lines()).ok_or(overflow)?;
            sheets.push(sheet);
        }
        let bytes = lines.saturating_mul(size_of::<Line>());
        let lines = Lines::zeroed(lines).ok_or(SimdError::OutOfMemory { bytes })?;
        Ok(Self { lines, sheets })
    }

    /// Cuts the matrices into pieces of at most `bytes` bytes of their files, or of 16 rows where
    /// these are more: all rows of all matrices, in order. What was packed before is to be packed
    /// again.
    pub fn pieces(&mut self, bytes: usize) -> impl Iterator<Item = PackerPiece<'_>> {
        for sheet in &mut self.sheets {
            *sheet.rows_packed.get_mut() = 0;
        }
        let mut rest = self.lines.get_mut();
        self.sheets.iter().enumerate().flat_map(move |(index, sheet)| {
            let (lines, behind) = std::mem::take(&mut rest).split_at_mut(sheet.lines());
            rest = behind;
            sheet.pieces(index, bytes, lines)
        })
    }

    /// The packed matrices, once every piece has its rows.
    pub fn finish(self) -> Result<Vec<PackedMatrix>, SimdError> {
        let lines = Arc::new(self.lines);
        let mut first = 0;
        let matrices = self.sheets.into_iter().map(|sheet| {
            let place = first..first + sheet.lines();
            first = place.end;
            let Sheet { format, rows, cols, group_lines, .. } = sheet;
            SimdError::check_len("the matrix's rows", rows, sheet.rows_packed.into_inner())?;
            let (layout, lines) = (Layout::of(format), Arc::clone(&lines));
            Ok(PackedMatrix { format, layout, rows, cols, group_lines, lines, place })
        });
        matrices.collect()
    }
}

impl Sheet {
    pub(super) fn new(format: Format, rows: usize, cols: usize) -> Result<Self, SimdError> {
        let overflow = || SimdError::SizeOverflow { rows, cols };
        let row_bytes = format.row_bytes(cols)?;
        packed_bytes(format, rows, cols)?;
        rows.checked_next_multiple_of(GROUP_ROWS)
            .and_then(|rows| rows.checked_mul(row_bytes))
            .ok_or_else(overflow)?;
        let group_lines = Layout::of(format).group_lines(cols).ok_or_else(overflow)?;
        let rows_packed = AtomicUsize::new(0);
        Ok(Self { format, rows, cols, row_bytes, group_lines, rows_packed })
    }

    /// How many lines it has: [`packed_bytes`] has counted them.
    pub(super) fn lines(&self) -> usize {
        self.rows.div_ceil(GROUP_ROWS) * self.group_lines
    }

    pub(super) fn group_lines(&self) -> usize {
        self.group_lines
    }

    fn pieces<'a>(
        &'a self,
        index: usize,
        bytes: usize,
        lines: &'a mut [Line],
    ) -> impl Iterator<Item = PackerPiece<'a>> {
        let groups = (bytes / (GROUP_ROWS * self.row_bytes)).max(1);
        let chunks = lines.chunks_mut(groups.saturating_mul(self.group_lines).max(1));
        chunks.enumerate().map(move |(chunk, lines)| {
            let first = chunk * groups * GROUP_ROWS;
            let last = self.rows.min(first.saturating_add(groups.saturating_mul(GROUP_ROWS)));
            PackerPiece { index, sheet: self, rows: first..last, lines }
        })
    }
}

impl PackerPiece<'_> {
    /// Whose rows it takes: the place of the matrix among those that are packed.
    pub fn matrix(&self) -> usize {
        self.index
    }

    /// Which rows it takes.
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// How many bytes these rows have in the file.
    pub fn bytes(&self) -> usize {
        self.rows.len() * self.sheet.row_bytes
    }

    /// How many bytes of the matrix stand before them in the file.
    pub fn offset(&self) -> u64 {
        self.rows.start as u64 * self.sheet.row_bytes as u64
    }

    /// Takes the rows, as the file stores them.
    pub fn pack(self, data: &[u8]) -> Result<(), SimdError> {
        SimdError::check_len("the rows' bytes", self.bytes(), data.len())?;
        let Sheet { format, row_bytes, group_lines, .. } = *self.sheet;
        let groups = data.chunks(GROUP_ROWS * row_bytes);
        for (rows, lines) in groups.zip(self.lines.chunks_exact_mut(group_lines)) {
            interleave::pack_group(format, rows, row_bytes, lines);
        }
        self.sheet.rows_packed.fetch_add(self.rows.len(), Ordering::Relaxed);
        Ok(())
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").field("sheets", &self.sheets).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PackerPiece<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (matrix, rows) = (&self.index, &self.rows);
        f.debug_struct("PackerPiece")
            .field("matrix", matrix)
            .field("rows", rows)
            .finish_non_exhaustive()
    }
}

/// Bytes that a matrix of `rows` x `cols` values of `format` takes when it is packed.
pub fn packed_bytes(format: Format, rows: usize, cols: usize) -> Result<usize, SimdError> {
    format.row_bytes(cols)?;
    if rows == 0 {
        return Err(SimdError::Empty { what: "a weight matrix" });
    }
    Layout::of(format)
        .group_lines(cols)
        .and_then(|lines| lines.checked_mul(rows.div_ceil(GROUP_ROWS)))
        .and_then(|lines| lines.checked_mul(size_of::<Line>()))
        .ok_or(SimdError::SizeOverflow { rows, cols })
}
