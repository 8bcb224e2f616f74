//! Memory that one matrix after the other is packed into.

use std::sync::Arc;

use super::layout::{Layout, Line};
use super::lines::Lines;
use super::packer::Sheet;
use super::{GROUP_ROWS, PackedMatrix, interleave};
use crate::{Format, SimdError};

impl PackedMatrix {
    /// A matrix of zeros in memory of its own, which [`refill`](Self::refill) may take for others.
    /// The system is asked for the memory and none of it is touched.
    ///
    /// # Errors
    /// Where the matrix is too large, or the system refuses the memory.
    pub fn zeros(format: Format, rows: usize, cols: usize) -> Result<Self, SimdError> {
        let sheet = Sheet::new(format, rows, cols)?;
        let (len, group_lines) = (sheet.lines(), sheet.group_lines());
        let bytes = len.saturating_mul(size_of::<Line>());
        let lines = Arc::new(Lines::zeroed(len).ok_or(SimdError::OutOfMemory { bytes })?);
        let layout = Layout::of(format);
        Ok(Self { format, layout, rows, cols, group_lines, lines, place: 0..len })
    }

    /// Takes the memory of this matrix for another of `rows` x `cols` values, whose rows then come
    /// by [`pack_rows`](Self::pack_rows); until they have, they are whatever the memory held.
    /// Nothing is allocated.
    ///
    /// # Errors
    /// Where the other matrix does not fit, or the memory is shared with another matrix.
    pub fn refill(&mut self, format: Format, rows: usize, cols: usize) -> Result<(), SimdError> {
        let sheet = Sheet::new(format, rows, cols)?;
        let len = sheet.lines();
        let lines = Arc::get_mut(&mut self.lines).map(Lines::get_mut).unwrap_or_default();
        SimdError::check_room("the matrix's memory", len, lines.len())?;
        self.group_lines = sheet.group_lines();
        self.layout = Layout::of(format);
        (self.format, self.rows, self.cols, self.place) = (format, rows, cols, 0..len);
        Ok(())
    }

    /// Packs rows, as a file stores them, from the row `first` on: the first one of a group.
    ///
    /// # Errors
    /// Where `data` is not whole rows of the matrix, or the memory is shared with another matrix.
    pub fn pack_rows(&mut self, first: usize, data: &[u8]) -> Result<(), SimdError> {
        let row_bytes = self.format.row_bytes(self.cols)?;
        let count = data.len() / row_bytes.max(1);
        SimdError::check_len("the rows' bytes", count * row_bytes, data.len())?;
        let ends = self.rows.saturating_sub(first);
        let partial = count < ends && !count.is_multiple_of(GROUP_ROWS);
        if count > ends || partial || !first.is_multiple_of(GROUP_ROWS) {
            let found = first.saturating_add(count);
            return Err(SimdError::OutOfRange { what: "row", found, count: self.rows });
        }
        let (start, group_lines) = (first / GROUP_ROWS * self.group_lines, self.group_lines);
        let lines = Arc::get_mut(&mut self.lines).map(Lines::get_mut).unwrap_or_default();
        SimdError::check_room("the matrix's memory", self.place.len(), lines.len())?;
        let lines = lines.get_mut(self.place.clone()).and_then(|own| own.get_mut(start..));
        let lines = lines.unwrap_or_default().chunks_exact_mut(group_lines.max(1));
        for (rows, lines) in data.chunks(GROUP_ROWS * row_bytes).zip(lines) {
            lines.fill(Line::ZERO);
            interleave::pack_group(self.format, rows, row_bytes, lines);
        }
        Ok(())
    }
}
