//! Sums and maxima over a vector, in one fixed order for every level.
//!
//! 64 running sums stand side by side (four vectors of 16 lanes); they are added pairwise at the
//! end. So the order does not depend on the width of a register.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

/// Lanes of one running vector.
pub(crate) const LANES: usize = 16;
/// Running vectors.
const WAYS: usize = 4;

/// The sum of 16 lanes, pairwise.
#[inline(always)]
pub(crate) fn lane_sum(v: [f32; LANES]) -> f32 {
    let a: [f32; 8] = std::array::from_fn(|i| v[i] + v[i + 8]);
    let b: [f32; 4] = std::array::from_fn(|i| a[i] + a[i + 4]);
    (b[0] + b[2]) + (b[1] + b[3])
}

/// The first values of `tail`, then zeros.
#[inline(always)]
pub(crate) fn padded<K: Copy + Default>(tail: &[K]) -> [K; LANES] {
    let mut full = [K::default(); LANES];
    for (place, value) in full.iter_mut().zip(tail) {
        *place = *value;
    }
    full
}

/// Folds two vectors of one length into a sum: `step` adds 16 pairs of values to 16 lanes.
#[inline(always)]
fn fold<K: Copy + Default>(
    a: &[f32],
    b: &[K],
    widen: impl Fn(&[K; LANES]) -> [f32; LANES],
    step: impl Fn(f32, f32, f32) -> f32,
) -> f32 {
    let mut sums = [[0.0f32; LANES]; WAYS];
    let add = |sum: &mut [f32; LANES], x: &[f32; LANES], y: &[f32; LANES]| {
        for lane in 0..LANES {
            sum[lane] = step(x[lane], y[lane], sum[lane]);
        }
    };
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let ((a4, a1), (b4, b1)) = (a.as_chunks::<WAYS>(), b.as_chunks::<WAYS>());
    for (x, y) in a4.iter().zip(b4) {
        add(&mut sums[0], &x[0], &widen(&y[0]));
        add(&mut sums[1], &x[1], &widen(&y[1]));
        add(&mut sums[2], &x[2], &widen(&y[2]));
        add(&mut sums[3], &x[3], &widen(&y[3]));
    }
    for (x, y) in a1.iter().zip(b1) {
        add(&mut sums[0], x, &widen(y));
    }
    if !a_tail.is_empty() {
        add(&mut sums[1], &padded(a_tail), &widen(&padded(b_tail)));
    }
    let [s0, s1, s2, s3] = sums;
    lane_sum(std::array::from_fn(|i| (s0[i] + s1[i]) + (s2[i] + s3[i])))
}

/// The inner product.
#[inline(always)]
pub(crate) fn dot<K: Copy + Default>(
    a: &[f32],
    b: &[K],
    widen: impl Fn(&[K; LANES]) -> [f32; LANES],
) -> f32 {
    fold(a, b, widen, f32::mul_add)
}

/// The sum of squared differences.
#[inline(always)]
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    fold(a, b, |y| *y, |x, y, sum| (x - y).mul_add(x - y, sum))
}

/// The greatest value; NaN if there is one; negative infinity for none.
#[inline(always)]
pub(crate) fn max(x: &[f32]) -> f32 {
    let mut best = [f32::NEG_INFINITY; LANES];
    let mut nans = [0u32; LANES];
    let (chunks, tail) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            best[lane] = if chunk[lane] > best[lane] { chunk[lane] } else { best[lane] };
            nans[lane] |= u32::from(chunk[lane].is_nan());
        }
    }
    let mut greatest = f32::NEG_INFINITY;
    let mut any_nan = nans.iter().any(|n| *n != 0);
    for value in best.iter().chain(tail) {
        greatest = if *value > greatest { *value } else { greatest };
        any_nan |= value.is_nan();
    }
    if any_nan { f32::NAN } else { greatest }
}
