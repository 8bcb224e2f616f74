//! Where a prefix of the tokens, in falling order of logits, ends.
//!
//! Sorting 150,000 logits takes several milliseconds; a filter needs only the place of one edge. So
//! masses are summed into bins of equal width below the largest logit (one pass), the bin in which
//! the edge lies is found, and its few tokens alone are sorted: a radix selection by value. The
//! bins only decide how fast it is, never what it finds.

use std::cmp::Ordering;

/// A token and its share of what is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) id: u32,
    pub(super) logit: f32,
    /// One for a count, a probability (of any scale) for a sum.
    pub(super) mass: f32,
}

impl Item {
    /// Falling logits; of equal ones the lower id first.
    fn order(&self, other: &Self) -> Ordering {
        let falling = other.logit.partial_cmp(&self.logit).unwrap_or(Ordering::Equal);
        falling.then(self.id.cmp(&other.id))
    }
}

/// The last token of a prefix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    logit: f32,
    id: u32,
}

impl Cut {
    /// The logit of the last token.
    pub(super) fn logit(self) -> f32 {
        self.logit
    }

    /// Whether a token stands in the prefix.
    #[allow(clippy::float_cmp, reason = "ties are exact ties; the id decides between them")]
    #[allow(clippy::needless_bitwise_bool, reason = "short cuts are branches, guessed wrong")]
    pub(super) fn keeps(self, id: u32, logit: f32) -> bool {
        (logit > self.logit) | ((logit == self.logit) & (id <= self.id))
    }
}

/// Bins per unit of logit.
const BINS_PER_UNIT: f32 = 64.0;

/// How many bins: 32 units, that is probabilities down to e^-32 of the largest. What is less likely
/// shares the last bin. A power of two.
const BINS: usize = 2_048;

/// Scratch of [`Bins::cut`].
#[derive(Debug)]
pub(super) struct Bins {
    masses: Vec<f64>,
    edge: Vec<Item>,
}

impl Bins {
    /// Scratch for rows of `vocab_size` logits.
    pub(super) fn new(vocab_size: usize) -> Self {
        Self { masses: vec![0.0; BINS], edge: Vec::with_capacity(vocab_size) }
    }

    /// The end of the smallest prefix whose masses sum to `target` or more; `None` where all of
    /// them together do not reach it. No logit may be NaN or above `max`.
    pub(super) fn cut(
        &mut self,
        items: impl Iterator<Item = Item> + Clone,
        max: f32,
        target: f64,
    ) -> Option<Cut> {
        self.masses.fill(0.0);
        for item in items.clone() {
            if let Some(mass) = self.masses.get_mut(bin(item.logit, max)) {
                *mass += f64::from(item.mass);
            }
        }
        let mut reached = 0.0;
        let edge = self.masses.iter().position(|mass| {
            let within = reached + mass >= target;
            if !within {
                reached += mass;
            }
            within
        })?;
        self.edge.clear();
        self.edge.extend(items.filter(|item| bin(item.logit, max) == edge));
        self.edge.sort_unstable_by(Item::order);
        let last = self.edge.iter().find(|item| {
            reached += f64::from(item.mass);
            reached >= target
        });
        // In another order the same masses may sum to a hair less: then the bin is kept whole.
        last.or(self.edge.last()).map(|item| Cut { logit: item.logit, id: item.id })
    }
}

/// The bin of a logit. It never falls as the logit falls, which is all that [`Bins::cut`] needs.
fn bin(logit: f32, max: f32) -> usize {
    // Adding 2^23 leaves a whole number in the mantissa's low bits; it is below 2^11 = BINS.
    const WHOLE: f32 = 8_388_608.0;
    let distance = ((max - logit) * BINS_PER_UNIT).min((BINS - 1) as f32);
    (distance + WHOLE).to_bits() as usize & (BINS - 1)
}
