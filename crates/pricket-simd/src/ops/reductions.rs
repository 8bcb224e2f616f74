//! Sums and maxima over a vector, in one fixed order for every level.
//!
//! 64 running sums stand side by side (four vectors of 16 lanes); they are added pairwise at the
//! end. So the order does not depend on the width of a register.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use super::registers::Lanes;

/// Lanes of one running vector.
pub(crate) const LANES: usize = 16;
/// Running vectors.
pub(crate) const WAYS: usize = 4;

/// The sum of 16 lanes, pairwise.
#[inline(always)]
pub(crate) fn lane_sum(v: [f32; LANES]) -> f32 {
    let a: [f32; 8] = std::array::from_fn(|i| v[i] + v[i + 8]);
    let b: [f32; 4] = std::array::from_fn(|i| a[i] + a[i + 4]);
    (b[0] + b[2]) + (b[1] + b[3])
}

/// The greatest of 16 lanes, pairwise; lanes that are not a number do not count.
#[inline(always)]
pub(crate) fn lane_max(v: [f32; LANES]) -> f32 {
    let more = |a: f32, b: f32| if b > a { b } else { a };
    let a: [f32; 8] = std::array::from_fn(|i| more(v[i], v[i + 8]));
    let b: [f32; 4] = std::array::from_fn(|i| more(a[i], a[i + 4]));
    more(more(b[0], b[2]), more(b[1], b[3]))
}

/// The sum of four running vectors, pairwise: the plain form of [`Lanes::total`].
#[inline(always)]
pub(crate) fn total([a, b, c, d]: [[f32; LANES]; WAYS]) -> f32 {
    lane_sum(std::array::from_fn(|i| (a[i] + b[i]) + (c[i] + d[i])))
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

/// The inner product; `widen` loads 16 values of the second vector.
#[inline(always)]
pub(crate) fn dot<K: Copy + Default, L: Lanes>(
    lanes: &L,
    a: &[f32],
    b: &[K],
    widen: impl Fn(&[K; LANES]) -> L::V,
) -> f32 {
    let add = |sum: L::V, x: &[f32; LANES], y: &[K; LANES]| lanes.fma(lanes.load(x), widen(y), sum);
    let [mut s0, mut s1, mut s2, mut s3] = [lanes.zero(); WAYS];
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let ((a4, a1), (b4, b1)) = (a.as_chunks::<WAYS>(), b.as_chunks::<WAYS>());
    for (x, y) in a4.iter().zip(b4) {
        s0 = add(s0, &x[0], &y[0]);
        s1 = add(s1, &x[1], &y[1]);
        s2 = add(s2, &x[2], &y[2]);
        s3 = add(s3, &x[3], &y[3]);
    }
    for (x, y) in a1.iter().zip(b1) {
        s0 = add(s0, x, y);
    }
    if !a_tail.is_empty() {
        s1 = add(s1, &padded(a_tail), &padded(b_tail));
    }
    lanes.total([s0, s1, s2, s3])
}

/// The sum of squared differences, in 16 running sums.
#[inline(always)]
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut add = |x: &[f32; LANES], y: &[f32; LANES]| {
        for lane in 0..LANES {
            let difference = x[lane] - y[lane];
            sums[lane] = difference.mul_add(difference, sums[lane]);
        }
    };
    for (x, y) in a.iter().zip(b) {
        add(x, y);
    }
    add(&padded(a_tail), &padded(b_tail));
    lane_sum(sums)
}

/// The sum of all values, in 16 running sums.
#[inline(always)]
pub(crate) fn sum(x: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (chunks, tail) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += chunk[lane];
        }
    }
    let tail = padded(tail);
    for lane in 0..LANES {
        sums[lane] += tail[lane];
    }
    lane_sum(sums)
}

/// The sum of squared differences from `center`, in 16 running sums.
#[inline(always)]
pub(crate) fn squares_about(x: &[f32], center: f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (chunks, tail) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let difference = chunk[lane] - center;
            sums[lane] = difference.mul_add(difference, sums[lane]);
        }
    }
    for (sum, value) in sums.iter_mut().zip(tail) {
        let difference = *value - center;
        *sum = difference.mul_add(difference, *sum);
    }
    lane_sum(sums)
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
