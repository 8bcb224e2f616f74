//! Weights out of safetensors files: tensors as they are, and matrices put together from several.

use super::quantized::{Piece, Quantized, Role};
use super::{Safetensors, SafetensorsTensor, dtype};
use crate::tensor_source::{Bytes, label, place};
use crate::{ModelError, TensorInfo, TensorSource};

impl TensorSource for Safetensors {
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        let shown = self.tensors.iter().zip(&self.roles).filter_map(|(tensor, role)| match *role {
            Role::Plain => Some(tensor.name.as_str()),
            Role::Codes(matrix) => Some(self.matrices.get(matrix)?.name.as_str()),
            Role::Beside => None,
        });
        Box::new(shown)
    }

    fn has(&self, name: &str) -> bool {
        self.matrix(name).is_some() || self.plain(name).is_some()
    }

    fn info(&self, name: &str) -> Result<TensorInfo, ModelError> {
        if let Some(matrix) = self.matrix(name) {
            return Ok(TensorInfo {
                name: matrix.name.clone(),
                shape: matrix.shape(),
                format: matrix.shown()?,
                bytes: matrix.bytes()?,
            });
        }
        let tensor = self.wanted(name)?;
        let Some(format) = dtype::format(&tensor.dtype) else {
            let found = label(&tensor.dtype);
            return Err(ModelError::QuantizationUnsupported { tensor: label(name), found });
        };
        Ok(TensorInfo {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            format,
            bytes: tensor.bytes,
        })
    }

    fn read_range(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ModelError> {
        match self.matrix(name) {
            Some(matrix) => self.read_matrix(matrix, offset, buffer),
            None => read_tensor(&self.files, self.wanted(name)?, offset, buffer),
        }
    }
}

impl Safetensors {
    fn matrix(&self, name: &str) -> Option<&Quantized> {
        self.matrix_index.find(&self.matrices, name, |matrix| &matrix.name)
    }

    /// A tensor that is shown as it is.
    fn plain(&self, name: &str) -> Option<&SafetensorsTensor> {
        let place = self.index.place(&self.tensors, name, |tensor| &tensor.name)?;
        (self.roles.get(place) == Some(&Role::Plain)).then(|| self.tensors.get(place)).flatten()
    }

    /// Reads some bytes of a matrix as it is shown.
    fn read_matrix(
        &self,
        matrix: &Quantized,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), ModelError> {
        let row = matrix.row_bytes()?;
        place(&matrix.name, 0, matrix.bytes()?, offset, buffer.len())?;
        if buffer.is_empty() {
            return Ok(());
        }
        // Inside the matrix, whose rows a `usize` counts.
        let (first, skip) = ((offset / row as u64) as usize, (offset % row as u64) as usize);
        let count = (skip + buffer.len()).div_ceil(row);
        let [codes, scales] = matrix.pieces(first, count).map(|piece| self.read_piece(piece));
        let (codes, scales) = (codes?, scales?);
        if skip == 0 && count * row == buffer.len() {
            matrix.join(first, [&codes, &scales], buffer);
            return Ok(());
        }
        let mut rows = vec![0; count * row];
        matrix.join(first, [&codes, &scales], &mut rows);
        for (place, byte) in buffer.iter_mut().zip(rows.iter().skip(skip)) {
            *place = *byte;
        }
        Ok(())
    }

    fn read_piece(&self, piece: Piece) -> Result<Vec<u8>, ModelError> {
        let mut bytes = vec![0; piece.bytes];
        if let Some(tensor) = self.tensors.get(piece.tensor) {
            read_tensor(&self.files, tensor, piece.offset, &mut bytes)?;
        }
        Ok(bytes)
    }

    fn wanted(&self, name: &str) -> Result<&SafetensorsTensor, ModelError> {
        self.plain(name).ok_or_else(|| ModelError::TensorMissing { tensor: label(name) })
    }
}

/// Fills `buffer` with a tensor's bytes from `offset` on.
fn read_tensor(
    files: &[Bytes],
    tensor: &SafetensorsTensor,
    offset: u64,
    buffer: &mut [u8],
) -> Result<(), ModelError> {
    let position = place(&tensor.name, tensor.offset, tensor.bytes, offset, buffer.len())?;
    match files.get(tensor.shard) {
        Some(file) => file.read_at(position, buffer),
        None => Err(ModelError::TensorMissing { tensor: label(&tensor.name) }),
    }
}

/// Reads a tensor of two whole numbers.
pub(super) fn read_pair(
    files: &[Bytes],
    tensor: &SafetensorsTensor,
) -> Result<[u64; 2], ModelError> {
    let name = || label(&tensor.name);
    if tensor.shape != [2] {
        let (tensor, found) = (name(), tensor.shape.clone());
        return Err(ModelError::TensorShape { tensor, expected: vec![2], found });
    }
    let mut numbers = [0; 2];
    for (index, number) in numbers.iter_mut().enumerate() {
        let at = index as u64;
        *number = match tensor.dtype.as_str() {
            "I32" => {
                let mut bytes = [0; 4];
                read_tensor(files, tensor, 4 * at, &mut bytes)?;
                i64::from(i32::from_le_bytes(bytes))
            }
            "I64" => {
                let mut bytes = [0; 8];
                read_tensor(files, tensor, 8 * at, &mut bytes)?;
                i64::from_le_bytes(bytes)
            }
            other => {
                let (tensor, found) = (name(), label(other));
                return Err(ModelError::QuantizationUnsupported { tensor, found });
            }
        };
    }
    // A number below zero becomes one that no file is large enough for.
    Ok(numbers.map(i64::cast_unsigned))
}
