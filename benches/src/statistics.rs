//! Medians, and how far the rounds lie apart.

/// The middle value, or the mean of the two in the middle; NaN of none.
pub fn median(values: &[f64]) -> f64 {
    Spread::of(values).median
}

/// The middle, the least and the greatest of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// The middle value, or the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of these values; NaN where there are none.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: Option<usize>| index.and_then(|index| sorted.get(index).copied());
        let last = sorted.len().checked_sub(1);
        let (lower, upper) = (at(last.map(|last| last / 2)), at(Some(sorted.len() / 2)));
        let middle = lower.zip(upper).map(|(lower, upper)| lower.midpoint(upper));
        Self {
            median: middle.unwrap_or(f64::NAN),
            min: at(Some(0)).unwrap_or(f64::NAN),
            max: at(last).unwrap_or(f64::NAN),
        }
    }
}

/// The greatest of what `measure` gives in so many calls: what a neighbour on the machine takes
/// away only makes a rate smaller.
pub fn best<E>(calls: usize, mut measure: impl FnMut() -> Result<f64, E>) -> Result<f64, E> {
    let mut most = measure()?;
    for _ in 1..calls {
        most = most.max(measure()?);
    }
    Ok(most)
}
