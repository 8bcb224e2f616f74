//! Candle's matrices out of our files.

use std::sync::Arc;

use candle_core::quantized::ggml_file::qtensor_from_ggml;
use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{D, Device, Module, Tensor};
use pricket_simd::{Format, dequantize_row};

use super::candle;
use crate::decoder::Stored;
use crate::{ModelError, TensorSource};

/// A matrix that rows are multiplied with.
#[derive(Debug, Clone)]
pub(super) enum Matrix {
    /// Floats, transposed: (cols, rows).
    Plain(Tensor),
    /// Blocks as the file holds them.
    Quantized { blocks: Arc<QTensor>, multiply: QMatMul },
}

impl Matrix {
    /// `x` times the matrix: (tokens, cols) to (tokens, rows).
    pub(super) fn multiply(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        match self {
            Self::Plain(transposed) => x.matmul(transposed).map_err(candle),
            Self::Quantized { multiply, .. } => multiply.forward(x).map_err(candle),
        }
    }

    /// The matrix as floats: (rows, cols).
    pub(super) fn dequantized(&self) -> Result<Tensor, ModelError> {
        match self {
            Self::Plain(transposed) => {
                transposed.t().and_then(|matrix| matrix.contiguous()).map_err(candle)
            }
            Self::Quantized { blocks, .. } => blocks.dequantize(&Device::Cpu).map_err(candle),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Plain(tensor) => 4 * tensor.elem_count() as u64,
            Self::Quantized { blocks, .. } => blocks.storage_size_in_bytes() as u64,
        }
    }
}

/// Reads a matrix: its blocks as they are, or turned into `floats`.
pub(super) fn load_matrix(
    source: &dyn TensorSource,
    stored: &Stored,
    floats: bool,
) -> Result<Matrix, ModelError> {
    let (format, rows, cols) = (stored.format, stored.rows, stored.cols);
    let mut bytes = vec![0; rows * format.row_bytes(cols)?];
    source.read_range(&stored.name, stored.offset()?, &mut bytes)?;
    let Some(dtype) = quantized_type(format).filter(|_| !floats) else {
        let mut values = vec![0.0; rows * cols];
        for (row, values) in
            bytes.chunks_exact(format.row_bytes(cols)?).zip(values.chunks_exact_mut(cols))
        {
            dequantize_row(format, row, values)?;
        }
        let matrix = Tensor::from_vec(values, (rows, cols), &Device::Cpu).map_err(candle)?;
        let transposed = matrix.t().and_then(|t| t.contiguous()).map_err(candle)?;
        return Ok(Matrix::Plain(transposed));
    };
    let blocks =
        qtensor_from_ggml(dtype, &bytes, vec![rows, cols], &Device::Cpu).map_err(candle)?;
    let blocks = Arc::new(blocks);
    let multiply = QMatMul::from_arc(Arc::clone(&blocks)).map_err(candle)?;
    Ok(Matrix::Quantized { blocks, multiply })
}

/// Numbers as a tensor of one dimension.
pub(super) fn vector(values: Vec<f32>) -> Result<Tensor, ModelError> {
    let len = values.len();
    Tensor::from_vec(values, len, &Device::Cpu).map_err(candle)
}

/// `cap * tanh(x / cap)`.
pub(super) fn soft_cap(x: &Tensor, cap: Option<f32>) -> candle_core::Result<Tensor> {
    match cap {
        Some(cap) => (x / f64::from(cap))?.tanh()? * f64::from(cap),
        None => Ok(x.clone()),
    }
}

/// Root-mean-square norm (Zhang and Sennrich 2019) of every row.
pub(super) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor, ModelError> {
    let normed = || -> candle_core::Result<Tensor> {
        let mean_square = x.sqr()?.mean_keepdim(D::Minus1)?;
        let scale = (mean_square + f64::from(eps))?.sqrt()?;
        x.broadcast_div(&scale)?.broadcast_mul(weight)
    };
    normed().map_err(candle)
}

/// Candle's name of a block format; `None` for plain floats.
fn quantized_type(format: Format) -> Option<GgmlDType> {
    Some(match format {
        Format::Q4_0 => GgmlDType::Q4_0,
        Format::Q4_1 => GgmlDType::Q4_1,
        Format::Q5_0 => GgmlDType::Q5_0,
        Format::Q5_1 => GgmlDType::Q5_1,
        Format::Q8_0 => GgmlDType::Q8_0,
        Format::Q2K => GgmlDType::Q2K,
        Format::Q3K => GgmlDType::Q3K,
        Format::Q4K => GgmlDType::Q4K,
        Format::Q5K => GgmlDType::Q5K,
        Format::Q6K => GgmlDType::Q6K,
        _ => return None,
    })
}
