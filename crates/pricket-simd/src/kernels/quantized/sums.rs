//! From integer products to sums.

/// Defines them for a family of registers: its [`vectors`](super::super::avx2::vectors) and
/// [`Weights`](super::super::avx2::weights::Weights) are in scope.
macro_rules! sums {
    ($features:literal) => {
        $crate::kernels::quantized::featured! { [$features]
            /// Where a sum of products over a run begins whose weights' zero is `ZERO`.
            pub(crate) fn start<const ZERO: i32, const T: usize>(
                run: &Run<T>,
                token: usize,
            ) -> Ints {
                match ZERO {
                    0 => vectors::zero(),
                    8 => vectors::ints(run.minus_8[token]),
                    16 => vectors::shifted::<1>(vectors::ints(run.minus_8[token])),
                    128 => vectors::ints(run.minus_128[token]),
                    _ => {
                        let [low, high] = &run.minus_half;
                        vectors::ints(ZERO * (low[token] + high[token]))
                    }
                }
            }

            /// The same over one half of a run.
            pub(crate) fn half_start<const ZERO: i32, const T: usize>(
                run: &Run<T>,
                token: usize,
                half: usize,
            ) -> Ints {
                let minus = run.minus_half[half][token];
                match ZERO {
                    0 => vectors::zero(),
                    4 => vectors::shifted::<2>(vectors::ints(minus)),
                    32 => vectors::shifted::<5>(vectors::ints(minus)),
                    _ => vectors::ints(ZERO * minus),
                }
            }

            /// Adds products times the scales of weights and activations.
            pub(crate) fn add_scaled<const T: usize>(
                sum: Floats,
                dot: Ints,
                scale: Floats,
                run: &Run<T>,
                token: usize,
            ) -> Floats {
                let factor = vectors::mul(scale, vectors::floats(run.scale[token]));
                vectors::fma(vectors::to_floats(dot), factor, sum)
            }

            /// Adds the weights' offset once for each column of a run.
            pub(crate) fn add_offset<const T: usize>(
                sum: Floats,
                offset: Floats,
                run: &Run<T>,
                token: usize,
            ) -> Floats {
                vectors::fma(offset, vectors::floats(run.scaled_sum[token]), sum)
            }

            /// The same over one half of a run.
            pub(crate) fn add_half_offset<const T: usize>(
                sum: Floats,
                offset: Floats,
                run: &Run<T>,
                token: usize,
                half: usize,
            ) -> Floats {
                let scaled = run.scale[token] * (-run.minus_half[half][token]) as f32;
                vectors::fma(offset, vectors::floats(scaled), sum)
            }

            /// Finishes a run of one token: `dots` over columns 0..16 and 16..32, zeros taken off.
            pub(crate) fn finish<const HALVES: bool, const OFFSETS: bool>(
                mut sum: Floats,
                dots: [Ints; 2],
                weights: &Weights,
                run: &Run<1>,
            ) -> Floats {
                if HALVES {
                    sum = add_scaled(sum, dots[0], weights.scale[0], run, 0);
                    sum = add_scaled(sum, dots[1], weights.scale[1], run, 0);
                } else {
                    let dot = vectors::add_ints(dots[0], dots[1]);
                    sum = add_scaled(sum, dot, weights.scale[0], run, 0);
                }
                if OFFSETS && HALVES {
                    sum = add_half_offset(sum, weights.offset[0], run, 0, 0);
                    sum = add_half_offset(sum, weights.offset[1], run, 0, 1);
                } else if OFFSETS {
                    sum = add_offset(sum, weights.offset[0], run, 0);
                }
                sum
            }
        }
    };
}

pub(in crate::kernels) use sums;
