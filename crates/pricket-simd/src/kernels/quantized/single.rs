//! Weights times one token.

/// The call of `row_sums` for a layout.
macro_rules! row_sums {
    ([$open:ident $($constant:tt),*] $lines:expr, $runs:expr) => {
        row_sums::<$($constant),*>($lines, $runs, |u, p, r| weights::$open(u, p, r))
    };
}

/// Defines `matvec`. The level's `dots` adds the products of a run to a sum for each of its halves;
/// where the run has but one scale, it does not matter to which.
macro_rules! matvec {
    ($features:literal, $bytes:ident) => {
        /// One token.
        #[target_feature(enable = $features)]
        pub(in crate::kernels) fn matvec(panel: &Panel<'_>, runs: &[Run<1>], out: &mut [f32]) {
            walk::vector(panel, out, |lines| {
                $crate::kernels::quantized::by_layout!(
                    panel.layout,
                    $bytes,
                    [$crate::kernels::quantized::row_sums](lines, runs),
                    Default::default()
                )
            });
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn row_sums<
            const LINES: usize,
            const RUNS: usize,
            const ZERO: i32,
            const MOST: i32,
            const HALVES: bool,
            const OFFSETS: bool,
        >(
            lines: &[Line],
            runs: &[Run<1>],
            open: impl Fn(&[Line; LINES], usize, usize) -> Weights,
        ) -> [f32; 16] {
            let mut sums = [vectors::no_floats(); PARTS];
            let units = lines.as_chunks::<LINES>().0.iter();
            for (unit, runs) in units.zip(runs.as_chunks::<RUNS>().0) {
                for (part, run) in runs.iter().enumerate() {
                    // A run's share of what comes: more at once would wait for each other. Other
                    // architectures have no stable hint.
                    #[cfg(target_arch = "x86_64")]
                    for line in 0..const { LINES.div_ceil(RUNS) } {
                        let line = part * LINES.div_ceil(RUNS) + line;
                        // A prefetch of an address that does not exist is ignored.
                        let behind = unit.as_ptr().wrapping_add(walk::AHEAD + line);
                        _mm_prefetch::<_MM_HINT_T0>(behind.cast());
                    }
                    for (rows, sum) in sums.iter_mut().enumerate() {
                        let weights = open(unit, part, rows);
                        let starts = if HALVES {
                            [half_start::<ZERO, 1>(run, 0, 0), half_start::<ZERO, 1>(run, 0, 1)]
                        } else {
                            [start::<ZERO, 1>(run, 0), vectors::zero()]
                        };
                        let dots = dots::<MOST, HALVES>(&weights.code, &run.q[0], starts);
                        *sum = finish::<HALVES, OFFSETS>(*sum, dots, &weights, run);
                    }
                }
            }
            must_cast(sums)
        }
    };
}

/// Defines `dots` by products of pairs.
#[cfg(target_arch = "x86_64")]
macro_rules! pair_dots {
    ($features:literal) => {
        /// Adds the products of a run to the sums of its halves.
        #[inline]
        #[target_feature(enable = $features)]
        fn dots<const MOST: i32, const HALVES: bool>(
            code: &[Ints; 8],
            q: &[i32; 8],
            mut dots: [Ints; 2],
        ) -> [Ints; 2] {
            let together = const { together(MOST, HALVES) };
            for begin in (0..8).step_by(together) {
                let mut pairs = vectors::zero();
                for j in begin..begin + together {
                    let product = vectors::multiply_pairs::<MOST>(code[j], vectors::ints(q[j]));
                    pairs = vectors::add_shorts(pairs, product);
                }
                let half = begin / 4;
                dots[half] = vectors::add_ints(dots[half], vectors::widened(pairs));
            }
            dots
        }
    };
}

#[cfg(target_arch = "x86_64")]
pub(in crate::kernels) use pair_dots;
pub(in crate::kernels) use {matvec, row_sums};
