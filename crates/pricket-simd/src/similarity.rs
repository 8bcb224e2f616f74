//! How alike two vectors are: cosine, distance, one against many.

use crate::{Kernels, SimdError};

impl Kernels {
    /// The cosine of the angle between two vectors, in -1..=1; 0 where one of them is zero.
    pub fn cosine(&self, a: &[f32], b: &[f32]) -> Result<f32, SimdError> {
        SimdError::check_len("the second vector", a.len(), b.len())?;
        Ok(self.cosine_with(a, (self.table().dot)(a, a), b))
    }

    /// The Euclidean distance between two vectors.
    pub fn distance(&self, a: &[f32], b: &[f32]) -> Result<f32, SimdError> {
        SimdError::check_len("the second vector", a.len(), b.len())?;
        Ok((self.table().squared_distance)(a, b).sqrt())
    }

    /// The inner product of `query` with each row of `rows`: row after row, each as long as the
    /// query; one result per row.
    pub fn dots(&self, query: &[f32], rows: &[f32], out: &mut [f32]) -> Result<(), SimdError> {
        check_rows(query, rows, out)?;
        for (place, row) in out.iter_mut().zip(rows.chunks_exact(query.len())) {
            *place = (self.table().dot)(query, row);
        }
        Ok(())
    }

    /// The cosine of `query` with each row of `rows`, as [`Kernels::cosine`] has it.
    pub fn cosines(&self, query: &[f32], rows: &[f32], out: &mut [f32]) -> Result<(), SimdError> {
        check_rows(query, rows, out)?;
        let own = (self.table().dot)(query, query);
        for (place, row) in out.iter_mut().zip(rows.chunks_exact(query.len())) {
            *place = self.cosine_with(query, own, row);
        }
        Ok(())
    }

    /// The cosine, given the first vector's inner product with itself.
    fn cosine_with(&self, a: &[f32], own: f32, b: &[f32]) -> f32 {
        let product = f64::from((self.table().dot)(a, b));
        let other = (self.table().dot)(b, b);
        // In f64, where the product of two squared lengths neither overflows nor vanishes.
        let lengths = (f64::from(own) * f64::from(other)).sqrt();
        if lengths > 0.0 { (product / lengths).clamp(-1.0, 1.0) as f32 } else { 0.0 }
    }
}

fn check_rows(query: &[f32], rows: &[f32], out: &[f32]) -> Result<(), SimdError> {
    if query.is_empty() {
        return Err(SimdError::Empty { what: "a similarity" });
    }
    let expected = out
        .len()
        .checked_mul(query.len())
        .ok_or(SimdError::SizeOverflow { rows: out.len(), cols: query.len() })?;
    SimdError::check_len("the rows", expected, rows.len())
}
