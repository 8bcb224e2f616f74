//! One view over the tensors of every kind of model file.

mod bytes;
mod name_index;
mod view;

use std::fmt;

use pricket_simd::Format;

pub(crate) use bytes::Bytes;
pub(crate) use name_index::NameIndex;
pub use view::TensorView;

use crate::ModelError;

/// What is known of a tensor without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its shape, outermost first: a matrix is `[rows, cols]`, and `cols` values lie side by side.
    pub shape: Vec<usize>,
    /// How its values are stored.
    pub format: Format,
    /// How many bytes it has in the file.
    pub bytes: u64,
}

/// Named tensors that are read piece by piece, each piece by one positioned read, from any thread.
pub trait TensorSource: fmt::Debug + Send + Sync {
    /// All names, in the order of the file.
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_>;

    /// Whether there is a tensor of this name.
    fn has(&self, name: &str) -> bool;

    /// What is known of a tensor.
    ///
    /// # Errors
    /// [`ModelError::TensorMissing`], or [`ModelError::QuantizationUnsupported`] where the values
    /// are stored in a way that the kernels do not read.
    fn info(&self, name: &str) -> Result<TensorInfo, ModelError>;

    /// Fills `buffer` with the tensor's bytes from `offset` (within the tensor) on.
    ///
    /// # Errors
    /// [`ModelError::TensorMissing`], [`ModelError::TensorRange`] where the piece is not inside the
    /// tensor, [`ModelError::Read`] where the file system fails.
    fn read_range(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ModelError>;

    /// What is known of a tensor whose shape the caller knows.
    ///
    /// # Errors
    /// As [`TensorSource::info`], and [`ModelError::TensorShape`] where the shape is another.
    fn shaped(&self, name: &str, expected: &[usize]) -> Result<TensorInfo, ModelError> {
        let info = self.info(name)?;
        if info.shape == expected {
            return Ok(info);
        }
        Err(ModelError::TensorShape {
            tensor: info.name,
            expected: expected.to_vec(),
            found: info.shape,
        })
    }
}

/// Where a piece of a tensor lies in its file; refused where it is not inside the tensor.
pub(crate) fn place(
    name: &str,
    start: u64,
    bytes: u64,
    offset: u64,
    len: usize,
) -> Result<u64, ModelError> {
    let inside = offset.checked_add(len as u64).is_some_and(|end| end <= bytes);
    if !inside {
        return Err(ModelError::TensorRange { tensor: label(name), offset, len, bytes });
    }
    Ok(start + offset)
}

/// A name from a file as a message may show it: control characters escaped, long ones shortened.
pub(crate) fn label(name: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    let mut shown: String =
        name.chars().take(CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    if name.chars().nth(CHARACTERS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}
