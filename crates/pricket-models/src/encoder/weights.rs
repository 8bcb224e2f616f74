//! The weights of an encoder, as its passes read them.

use pricket_simd::{Format, Kernels, PackedMatrix, dequantize_row};

use super::blueprint::EncoderBlueprint;
use super::pooling::Pooling;
use crate::ModelError;

/// A matrix and what is added to its product.
#[derive(Debug)]
pub(super) struct Dense {
    pub(super) weight: PackedMatrix,
    /// One value for each row.
    pub(super) bias: Option<Vec<f32>>,
}

/// Scale and shift of a norm.
#[derive(Debug)]
pub(super) struct Norm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// A table whose rows are looked up and never multiplied: as the file stores it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) format: Format,
    pub(super) cols: usize,
    pub(super) row_bytes: usize,
    pub(super) bytes: Vec<u8>,
}

/// A layer.
#[derive(Debug)]
pub(super) struct Layer {
    /// Queries, keys and values: three matrices, or one with the rows of all.
    pub(super) projections: Vec<Dense>,
    pub(super) output: Dense,
    pub(super) attention_norm: Norm,
    pub(super) up: Dense,
    pub(super) gate: Option<Dense>,
    pub(super) down: Dense,
    pub(super) ffn_norm: Norm,
}

/// What is made of the hidden states.
#[derive(Debug)]
pub(super) enum Head {
    /// A vector.
    Pooled { pooling: Pooling, normalize: bool },
    /// A score of the first token's: `out * tanh(inner * x)`, each with its bias.
    Scored { inner: Plain, out: Plain, sigmoid: bool },
}

/// A small matrix as floats, row after row, and what is added to its product.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) cols: usize,
    pub(super) rows: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// Everything that a pass reads and nothing that it writes.
#[derive(Debug)]
pub(crate) struct EncoderWeights {
    pub(super) blueprint: EncoderBlueprint,
    pub(super) kernels: &'static Kernels,
    pub(super) words: Table,
    pub(super) types: Table,
    pub(super) positions: Option<Table>,
    pub(super) embedding_norm: Norm,
    pub(super) layers: Vec<Layer>,
    pub(super) head: Head,
}

impl Table {
    /// Writes a row as numbers.
    pub(super) fn row_into(&self, row: usize, out: &mut [f32]) -> Result<(), ModelError> {
        let start = row.saturating_mul(self.row_bytes);
        let bytes = self.bytes.get(start..start.saturating_add(self.row_bytes));
        Ok(dequantize_row(self.format, bytes.unwrap_or_default(), out)?)
    }

    fn values(&self) -> u64 {
        (self.bytes.len() / self.row_bytes.max(1) * self.cols) as u64
    }
}

impl EncoderWeights {
    fn denses(&self) -> impl Iterator<Item = &Dense> {
        self.layers.iter().flat_map(|layer| {
            let others = [&layer.output, &layer.up, &layer.down];
            layer.projections.iter().chain(others).chain(&layer.gate)
        })
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        [&self.words, &self.types].into_iter().chain(&self.positions)
    }

    /// Vectors of numbers: biases, norms, a scorer's head.
    fn floats(&self) -> u64 {
        let biases = self.denses().filter_map(|dense| dense.bias.as_ref()).map(Vec::len);
        let norms = (2 * self.layers.len() + 1) * 2 * self.blueprint.hidden;
        let head = match &self.head {
            Head::Pooled { .. } => 0,
            Head::Scored { inner, out, .. } => {
                [inner, out].iter().map(|plain| plain.rows.len() + plain.bias.len()).sum()
            }
        };
        (biases.sum::<usize>() + norms + head) as u64
    }

    /// Bytes that the weights occupy.
    pub(super) fn bytes(&self) -> u64 {
        let matrices: u64 = self.denses().map(|dense| dense.weight.bytes() as u64).sum();
        let tables: u64 = self.tables().map(|table| table.bytes.len() as u64).sum();
        matrices + tables + 4 * self.floats()
    }

    /// How many weights there are.
    pub(super) fn parameters(&self) -> u64 {
        let of = |dense: &Dense| (dense.weight.rows() * dense.weight.cols()) as u64;
        let matrices: u64 = self.denses().map(of).sum();
        matrices + self.tables().map(Table::values).sum::<u64>() + self.floats()
    }
}
