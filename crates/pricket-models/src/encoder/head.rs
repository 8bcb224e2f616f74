//! From the hidden states of a text to its row.

use super::pooling::normalize;
use super::weights::{EncoderWeights, Head, Plain};
use crate::ModelError;
use pricket_simd::Kernels;

impl EncoderWeights {
    /// Numbers of a row.
    pub(super) fn width(&self) -> usize {
        match &self.head {
            Head::Pooled { pooling, .. } => pooling.width(self.blueprint.hidden),
            Head::Scored { .. } => 1,
        }
    }

    /// Puts the row of one text behind `rows`: (tokens, hidden) in `states`.
    pub(super) fn finish(&self, states: &[f32], rows: &mut Vec<f32>) -> Result<(), ModelError> {
        let hidden = self.blueprint.hidden;
        let start = rows.len();
        rows.resize(start + self.width(), 0.0);
        let row = rows.get_mut(start..).unwrap_or_default();
        match &self.head {
            Head::Pooled { pooling, normalize: unit } => {
                pooling.pool(self.kernels, states, hidden, row)?;
                if *unit {
                    normalize(self.kernels, row)?;
                }
            }
            Head::Scored { inner, out, sigmoid } => {
                let first = states.get(..hidden).unwrap_or_default();
                let mut pooled = inner.times(self.kernels, first)?;
                for value in &mut pooled {
                    *value = value.tanh();
                }
                let logits = out.times(self.kernels, &pooled)?;
                for (place, logit) in row.iter_mut().zip(logits) {
                    *place = if *sigmoid { 1.0 / (1.0 + (-logit).exp()) } else { logit };
                }
            }
        }
        Ok(())
    }
}

impl Plain {
    /// The product with a vector, and the bias.
    fn times(&self, kernels: &Kernels, x: &[f32]) -> Result<Vec<f32>, ModelError> {
        let rows = self.rows.chunks_exact(self.cols.max(1)).zip(&self.bias);
        rows.map(|(row, bias)| Ok(kernels.dot(row, x)? + bias)).collect()
    }
}
