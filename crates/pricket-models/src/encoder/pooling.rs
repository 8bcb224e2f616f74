//! From the hidden states of a text to one vector.

use pricket_simd::Kernels;

use crate::ModelError;

/// One way to make a vector of the hidden states of a text's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolingMode {
    /// The first token's.
    Cls,
    /// The greatest of each number over all tokens.
    Max,
    /// Their mean.
    Mean,
    /// Their sum, over the square root of their number.
    MeanSqrtLen,
    /// Their mean, in which the token at position `i`, counted from 1, counts `i` times.
    WeightedMean,
    /// The last token's, which in a decoder is the only one that has seen the whole text.
    LastToken,
}

/// How the hidden states of a text become a vector: one or several ways, whose vectors stand side
/// by side. It knows nothing of where the hidden states come from: an encoder, or a decoder.
///
/// ```
/// use pricket_models::{Pooling, PoolingMode};
/// use pricket_simd::Kernels;
///
/// let mean = Pooling::of([PoolingMode::Mean]);
/// let mut vector = [0.0; 2];
/// // Three tokens of two numbers each.
/// mean.pool(Kernels::scalar(), &[1.0, 4.0, 2.0, 5.0, 3.0, 9.0], 2, &mut vector)?;
/// assert_eq!(vector, [2.0, 6.0]);
/// # Ok::<(), pricket_models::ModelError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pooling {
    modes: Vec<PoolingMode>,
}

impl Default for Pooling {
    /// The mean, as sentence-transformers takes where a model's files say nothing.
    fn default() -> Self {
        Self { modes: vec![PoolingMode::Mean] }
    }
}

impl PoolingMode {
    /// The mode of this name, as `pooling_mode` in sentence-transformers has it.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "cls" => Self::Cls,
            "max" => Self::Max,
            "mean" => Self::Mean,
            "mean_sqrt_len_tokens" => Self::MeanSqrtLen,
            "weightedmean" => Self::WeightedMean,
            "lasttoken" => Self::LastToken,
            _ => return None,
        })
    }
}

impl Pooling {
    /// These ways, in this order; the mean where there is none.
    pub fn of(modes: impl IntoIterator<Item = PoolingMode>) -> Self {
        let modes: Vec<_> = modes.into_iter().collect();
        if modes.is_empty() { Self::default() } else { Self { modes } }
    }

    /// The ways, in the order of their vectors.
    pub fn modes(&self) -> &[PoolingMode] {
        &self.modes
    }

    /// Numbers of the vector, of hidden states of `hidden` numbers.
    pub fn width(&self, hidden: usize) -> usize {
        self.modes.len() * hidden
    }

    /// Makes the vector of one text: (tokens, hidden) in `states`, at least one token;
    /// [`width`](Self::width) numbers in `out`.
    ///
    /// # Errors
    /// [`ModelError::Simd`] where a length is wrong.
    pub fn pool(
        &self,
        kernels: &Kernels,
        states: &[f32],
        hidden: usize,
        out: &mut [f32],
    ) -> Result<(), ModelError> {
        let hidden_or_one = hidden.max(1);
        let tokens = states.len() / hidden_or_one;
        let short = pricket_simd::SimdError::Empty { what: "a text to pool" };
        let (first, last) = match (states.get(..hidden), states.chunks_exact(hidden_or_one).last())
        {
            (Some(first), Some(last)) if hidden > 0 => (first, last),
            _ => return Err(short.into()),
        };
        if out.len() != self.width(hidden) {
            let (what, expected, found) = ("the vector", self.width(hidden), out.len());
            return Err(pricket_simd::SimdError::LengthMismatch { what, expected, found }.into());
        }
        for (mode, out) in self.modes.iter().zip(out.chunks_exact_mut(hidden)) {
            let rows = states.chunks_exact(hidden);
            match mode {
                PoolingMode::Cls => out.copy_from_slice(first),
                PoolingMode::LastToken => out.copy_from_slice(last),
                PoolingMode::Max => {
                    out.copy_from_slice(first);
                    for row in rows.skip(1) {
                        for (most, value) in out.iter_mut().zip(row) {
                            *most = most.max(*value);
                        }
                    }
                }
                PoolingMode::Mean | PoolingMode::MeanSqrtLen => {
                    out.fill(0.0);
                    rows.into_iter().try_for_each(|row| kernels.add_assign(out, row))?;
                    let count = tokens as f32;
                    let mean = *mode == PoolingMode::Mean;
                    kernels.scale(out, 1.0 / if mean { count } else { count.sqrt() });
                }
                PoolingMode::WeightedMean => {
                    out.fill(0.0);
                    let mut total = 0.0;
                    for (row, weight) in rows.zip(1_u32..) {
                        kernels.axpy(out, weight as f32, row)?;
                        total += f64::from(weight);
                    }
                    kernels.scale(out, (1.0 / total) as f32);
                }
            }
        }
        Ok(())
    }
}

/// Gives a vector the length 1. One of zeros stays as it is.
pub(super) fn normalize(kernels: &Kernels, vector: &mut [f32]) -> Result<(), ModelError> {
    // What torch's `normalize` divides by at least.
    const LENGTH_MIN: f32 = 1e-12;
    let length = kernels.dot(vector, vector)?.sqrt();
    kernels.scale(vector, 1.0 / length.max(LENGTH_MIN));
    Ok(())
}
