//! Weights times many tokens: what [`crate::kernels::many`] wants of a level.

/// A layout's kernel.
macro_rules! kernel {
    ([$open:ident $lines:tt, $runs:tt, $($constant:tt),*]) => {
        Kernel { open: opened::$open, add: add_run::<$($constant),*> }
    };
}

/// Defines `matmul`. The level's `add_products` adds the products of some lines to a quad's chains.
macro_rules! products {
    ($features:literal, $bytes:ident) => {
        /// Many tokens.
        #[target_feature(enable = $features)]
        pub(in crate::kernels) fn matmul(panel: &Panel<'_>, tiles: Tiles<'_>, out: Product<'_>) {
            let kernel = $crate::kernels::quantized::by_layout!(
                panel.layout,
                $bytes,
                [$crate::kernels::quantized::kernel](),
                return
            );
            many::matmul(kernel, panel, tiles, out);
        }

        /// Adds 32 columns to the sums of a quad.
        #[target_feature(enable = $features)]
        fn add_run<const ZERO: i32, const MOST: i32, const HALVES: bool, const OFFSETS: bool>(
            weights: &Opened,
            run: &Run<TILE>,
            first: usize,
            sums: &mut Sums,
        ) {
            // So it is by construction, and said here so that no index below is checked.
            if first > TILE - QUAD {
                return;
            }
            if !HALVES {
                let mut dots = [[vectors::zero(); PARTS]; QUAD];
                for t in 0..QUAD {
                    dots[t] = [start::<ZERO, TILE>(run, first + t); PARTS];
                }
                add_products::<MOST, HALVES>(&mut dots, weights, run, first, 0);
                add_dots::<OFFSETS>(&dots, weights, 0, run, first, sums);
                return;
            }
            for half in 0..2 {
                let mut dots = [[vectors::zero(); PARTS]; QUAD];
                for t in 0..QUAD {
                    dots[t] = [half_start::<ZERO, TILE>(run, first + t, half); PARTS];
                }
                add_products::<MOST, HALVES>(&mut dots, weights, run, first, 4 * half);
                add_dots::<false>(&dots, weights, half, run, first, sums);
            }
            if OFFSETS {
                for t in 0..QUAD {
                    let mut sum: [Floats; PARTS] = must_cast(sums.0[t]);
                    for rows in 0..PARTS {
                        for half in 0..2 {
                            let offset = vectors::singles(&weights.offset[half], rows);
                            sum[rows] = add_half_offset(sum[rows], offset, run, first + t, half);
                        }
                    }
                    sums.0[t] = must_cast(sum);
                }
            }
        }

        /// Adds chains of products, each times its scales, to the sums.
        #[inline]
        #[target_feature(enable = $features)]
        fn add_dots<const OFFSETS: bool>(
            dots: &[[Ints; PARTS]; QUAD],
            weights: &Opened,
            half: usize,
            run: &Run<TILE>,
            first: usize,
            sums: &mut Sums,
        ) {
            for t in 0..QUAD {
                let mut sum: [Floats; PARTS] = must_cast(sums.0[t]);
                for rows in 0..PARTS {
                    let scale = vectors::singles(&weights.scale[half], rows);
                    sum[rows] = add_scaled(sum[rows], dots[t][rows], scale, run, first + t);
                    if OFFSETS {
                        let offset = vectors::singles(&weights.offset[0], rows);
                        sum[rows] = add_offset(sum[rows], offset, run, first + t);
                    }
                }
                sums.0[t] = must_cast(sum);
            }
        }
    };
}

/// Defines `add_products` by products of pairs.
#[cfg(target_arch = "x86_64")]
macro_rules! pair_products {
    ($features:literal) => {
        /// Adds the products of the lines from `begin` on, all or those of half a run, to a quad's
        /// chains.
        #[inline]
        #[target_feature(enable = $features)]
        fn add_products<const MOST: i32, const HALVES: bool>(
            dots: &mut [[Ints; PARTS]; QUAD],
            weights: &Opened,
            run: &Run<TILE>,
            first: usize,
            begin: usize,
        ) {
            let together = const { together(MOST, HALVES) };
            let end = begin + if HALVES { 4 } else { 8 };
            for begin in (begin..end).step_by(together) {
                let mut pairs = [[vectors::zero(); PARTS]; QUAD];
                for j in begin..begin + together {
                    for rows in 0..PARTS {
                        let code = vectors::codes(&weights.code[j], rows);
                        for t in 0..QUAD {
                            let q = vectors::ints(run.q[first + t][j]);
                            let product = vectors::multiply_pairs::<MOST>(code, q);
                            pairs[t][rows] = vectors::add_shorts(pairs[t][rows], product);
                        }
                    }
                }
                for t in 0..QUAD {
                    for rows in 0..PARTS {
                        let widened = vectors::widened(pairs[t][rows]);
                        dots[t][rows] = vectors::add_ints(dots[t][rows], widened);
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
pub(in crate::kernels) use pair_products;
pub(in crate::kernels) use {kernel, products};
