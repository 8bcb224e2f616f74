//! The largest logit of a row and of each of its blocks.

use crate::EngineError;

/// Logits per block.
const BLOCK: usize = 64;

/// Lanes that the compiler makes vectors of.
const LANES: usize = 16;

/// The largest logits of a row's blocks. The k-th largest of them bounds the k-th largest logit
/// from below (k blocks have an element as large), so that top-k looks at some k blocks and not at
/// the vocabulary.
#[derive(Debug)]
pub(super) struct Peaks {
    maxima: Vec<f32>,
    sorting: Vec<f32>,
}

impl Peaks {
    pub(super) fn new(vocab_size: usize) -> Self {
        let blocks = vocab_size.div_ceil(BLOCK);
        Self { maxima: Vec::with_capacity(blocks), sorting: Vec::with_capacity(blocks) }
    }

    /// Looks at a row. Gives its likeliest token, the first of several, and that token's logit.
    ///
    /// # Errors
    /// A logit that is NaN or positive infinity, or no logit above negative infinity.
    #[allow(clippy::float_cmp, reason = "the largest value is looked for, and it is among them")]
    pub(super) fn scan(&mut self, row: &[f32]) -> Result<(u32, f32), EngineError> {
        self.maxima.clear();
        let mut nan = [0u32; LANES];
        for block in row.chunks(BLOCK) {
            let mut lanes = [f32::NEG_INFINITY; LANES];
            let vectors = block.chunks_exact(LANES);
            let rest = vectors.remainder();
            for vector in vectors {
                for lane in 0..LANES {
                    let x = vector[lane];
                    lanes[lane] = if x > lanes[lane] { x } else { lanes[lane] };
                    nan[lane] |= u32::from(x.is_nan());
                }
            }
            for ((lane, nan), &x) in lanes.iter_mut().zip(&mut nan).zip(rest) {
                *lane = lane.max(x);
                *nan |= u32::from(x.is_nan());
            }
            self.maxima.push(largest(&lanes));
        }
        let max = largest(&self.maxima);
        if nan != [0; LANES] || !max.is_finite() {
            let wrong = |x: &f32| x.is_nan() || *x == f32::INFINITY;
            let token = row.iter().position(wrong).unwrap_or(0);
            let value = row.get(token).copied().unwrap_or(f32::NAN);
            return Err(EngineError::LogitsNotFinite { token: token as u32, value });
        }
        let block = self.maxima.iter().position(|&x| x == max).unwrap_or(0);
        let rest = row.get(block * BLOCK..).unwrap_or_default();
        let within = rest.iter().position(|&x| x == max).unwrap_or(0);
        Ok(((block * BLOCK + within) as u32, max))
    }

    /// A bound from below on the `k`-th largest logit of the row that was scanned last.
    pub(super) fn floor(&mut self, k: usize) -> f32 {
        if k == 0 || k > self.maxima.len() {
            return f32::NEG_INFINITY;
        }
        self.sorting.clear();
        self.sorting.extend_from_slice(&self.maxima);
        let falling = |a: &f32, b: &f32| b.total_cmp(a);
        *self.sorting.select_nth_unstable_by(k - 1, falling).1
    }

    /// The blocks of the row that was scanned last that have a logit of `floor` or more: the id of
    /// each block's first token, and its logits.
    pub(super) fn blocks_from<'a>(
        &'a self,
        row: &'a [f32],
        floor: f32,
    ) -> impl Iterator<Item = (u32, &'a [f32])> {
        let starts = (0u32..).step_by(BLOCK);
        let blocks = starts.zip(row.chunks(BLOCK)).zip(&self.maxima);
        blocks.filter(move |&(_, &max)| max >= floor).map(|(block, _)| block)
    }
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max })
}
