//! 16 singles in whatever registers a level has, so that a body names its vectors itself where the
//! compiler would not find them.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use super::reductions::{LANES, WAYS};

/// The arithmetic of a level on 16 lanes.
pub(crate) trait Lanes {
    /// 16 singles.
    type V: Copy;
    /// Sixteen zeros.
    fn zero(&self) -> Self::V;
    /// Sixteen values.
    fn load(&self, values: &[f32; LANES]) -> Self::V;
    /// One value sixteen times.
    fn splat(&self, value: f32) -> Self::V;
    /// `a * b + c` with one rounding.
    fn fma(&self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The sum of all lanes in the order of [`super::reductions`].
    fn total(&self, sums: [Self::V; WAYS]) -> f32;
    /// The sixteen values.
    fn store(&self, v: Self::V) -> [f32; LANES];
}

/// [`Lanes`] from closures: a trait's method cannot have features, a closure has those of the
/// function that it stands in.
#[derive(Clone, Copy)]
pub(crate) struct Registers<V, Load, Splat, Fma, Total, Store> {
    pub(crate) zero: V,
    pub(crate) load: Load,
    pub(crate) splat: Splat,
    pub(crate) fma: Fma,
    pub(crate) total: Total,
    pub(crate) store: Store,
}

impl<V, Load, Splat, Fma, Total, Store> Lanes for Registers<V, Load, Splat, Fma, Total, Store>
where
    V: Copy,
    Load: Fn(&[f32; LANES]) -> V,
    Splat: Fn(f32) -> V,
    Fma: Fn(V, V, V) -> V,
    Total: Fn([V; WAYS]) -> f32,
    Store: Fn(V) -> [f32; LANES],
{
    type V = V;

    #[inline(always)]
    fn zero(&self) -> V {
        self.zero
    }

    #[inline(always)]
    fn load(&self, values: &[f32; LANES]) -> V {
        (self.load)(values)
    }

    #[inline(always)]
    fn splat(&self, value: f32) -> V {
        (self.splat)(value)
    }

    #[inline(always)]
    fn fma(&self, a: V, b: V, c: V) -> V {
        (self.fma)(a, b, c)
    }

    #[inline(always)]
    fn total(&self, sums: [V; WAYS]) -> f32 {
        (self.total)(sums)
    }

    #[inline(always)]
    fn store(&self, v: V) -> [f32; LANES] {
        (self.store)(v)
    }
}
