//! Opening runs of 32 columns: from packed lines to codes as bytes, scales and offsets as singles.

/// Defines [`crate::packed::WeightRun`] in registers, and a function for each layout that opens it:
/// run `part` of a unit, the rows of part `rows` of a group.
macro_rules! weights {
    ($features:literal) => {
        /// 32 columns of the rows that a register holds.
        #[derive(Clone, Copy)]
        pub(crate) struct Weights {
            /// Register `j` holds columns `4j..4j + 4`.
            pub(crate) code: [Ints; 8],
            /// Scales for columns 0..16 and 16..32; one and the same where the layout has but one.
            pub(crate) scale: [Floats; 2],
            /// Offsets, likewise.
            pub(crate) offset: [Floats; 2],
        }

        $crate::kernels::quantized::featured! { [$features]
            /// One scale, no offset.
            fn even(code: [Ints; 8], scale: Floats) -> Weights {
                Weights { code, scale: [scale; 2], offset: [vectors::no_floats(); 2] }
            }

            /// One scale, one offset.
            fn even_offset(code: [Ints; 8], scale: Floats, offset: Floats) -> Weights {
                Weights { code, scale: [scale; 2], offset: [offset; 2] }
            }

            /// The nibbles of a run, four lines: the low ones are columns 0..16.
            fn nibbles(lines: &[Line], rows: usize) -> [Ints; 8] {
                let mut code = [vectors::zero(); 8];
                for (j, line) in lines.iter().take(4).enumerate() {
                    let pairs = vectors::codes(line, rows);
                    code[j] = vectors::bits::<15>(pairs);
                    code[j + 4] = vectors::bits::<15>(vectors::down::<4>(pairs));
                }
                code
            }

            /// The 2-bit codes of a run, two lines: bits `2k` are columns `4k..4k + 4` of a half.
            fn quarters(lines: &[Line], rows: usize) -> [Ints; 8] {
                let mut code = [vectors::zero(); 8];
                for (half, line) in lines.iter().take(2).enumerate() {
                    let fours = vectors::codes(line, rows);
                    code[4 * half] = vectors::bits::<3>(fours);
                    code[4 * half + 1] = vectors::bits::<3>(vectors::down::<2>(fours));
                    code[4 * half + 2] = vectors::bits::<3>(vectors::down::<4>(fours));
                    code[4 * half + 3] = vectors::bits::<3>(vectors::down::<6>(fours));
                }
                code
            }

            /// Adds one more bit, whose place is `BIT`: bit `j` of the line is columns
            /// `4j..4j + 4`.
            fn with_bit<const BIT: i8>(mut code: [Ints; 8], line: &Line, rows: usize) -> [Ints; 8] {
                let ones = vectors::codes(line, rows);
                for (j, code) in code.iter_mut().enumerate() {
                    *code = vectors::or(*code, vectors::one_bit::<BIT>(ones, j));
                }
                code
            }

            /// `Q4_0`.
            pub(crate) fn nibble(unit: &[Line; 9], part: usize, rows: usize) -> Weights {
                let scale = vectors::halves(&unit[0], part, rows);
                even(nibbles(&unit[1 + 4 * part..], rows), scale)
            }

            /// `Q4_1`.
            pub(crate) fn nibble_offset(unit: &[Line; 10], part: usize, rows: usize) -> Weights {
                let scale = vectors::halves(&unit[0], part, rows);
                let offset = vectors::halves(&unit[1], part, rows);
                even_offset(nibbles(&unit[2 + 4 * part..], rows), scale, offset)
            }

            /// `Q8_0`.
            pub(crate) fn byte(unit: &[Line; 17], part: usize, rows: usize) -> Weights {
                let mut code = [vectors::zero(); 8];
                for (code, line) in code.iter_mut().zip(&unit[1 + 8 * part..]) {
                    *code = vectors::codes(line, rows);
                }
                even(code, vectors::halves(&unit[0], part, rows))
            }

            /// 128 is subtracted from the codes here, not in the sums.
            fn signed(mut weights: Weights) -> Weights {
                for code in &mut weights.code {
                    *code = vectors::flipped(*code);
                }
                weights
            }

            /// `Q8_0` whose codes become signed.
            pub(crate) fn signed_byte(unit: &[Line; 17], part: usize, rows: usize) -> Weights {
                signed(byte(unit, part, rows))
            }

            /// `Q5_0`.
            pub(crate) fn five(unit: &[Line; 11], part: usize, rows: usize) -> Weights {
                let lines = &unit[1 + 5 * part..];
                let code = with_bit::<16>(nibbles(lines, rows), &lines[4], rows);
                even(code, vectors::halves(&unit[0], part, rows))
            }

            /// `Q5_1`.
            pub(crate) fn five_offset(unit: &[Line; 12], part: usize, rows: usize) -> Weights {
                let lines = &unit[2 + 5 * part..];
                let code = with_bit::<16>(nibbles(lines, rows), &lines[4], rows);
                let scale = vectors::halves(&unit[0], part, rows);
                even_offset(code, scale, vectors::halves(&unit[1], part, rows))
            }

            /// Scale and offset of a run of `Q4_K` or `Q5_K`.
            fn super_factors(unit: &[Line], part: usize, rows: usize) -> [Floats; 2] {
                let small = &unit[1 + part / 2];
                let factor = |which: usize| vectors::bytes(small, part % 2 * 2 + which, rows);
                let scale = vectors::mul(vectors::halves(&unit[0], 0, rows), factor(0));
                let offset = vectors::mul(vectors::halves(&unit[0], 1, rows), factor(1));
                [scale, vectors::negated(offset)]
            }

            /// The scales of both halves of a run of `Q6_K` or `Q3_K`.
            fn super_scales(unit: &[Line], part: usize, rows: usize) -> [Floats; 2] {
                let small = &unit[1 + part / 2];
                let factor = |half| vectors::signed_bytes(small, part % 2 * 2 + half, rows);
                let whole = vectors::halves(&unit[0], 0, rows);
                [vectors::mul(whole, factor(0)), vectors::mul(whole, factor(1))]
            }

            /// `Q4_K`. Two runs share eight lines.
            pub(crate) fn nibble_super(unit: &[Line; 37], part: usize, rows: usize) -> Weights {
                let mut code = [vectors::zero(); 8];
                for (code, line) in code.iter_mut().zip(&unit[5 + part / 2 * 8..]) {
                    let pairs = vectors::codes(line, rows);
                    let own = if part % 2 == 0 { pairs } else { vectors::down::<4>(pairs) };
                    *code = vectors::bits::<15>(own);
                }
                let [scale, offset] = super_factors(unit, part, rows);
                even_offset(code, scale, offset)
            }

            /// `Q5_K`.
            pub(crate) fn five_super(unit: &[Line; 45], part: usize, rows: usize) -> Weights {
                let lines = &unit[5 + 5 * part..];
                let code = with_bit::<16>(nibbles(lines, rows), &lines[4], rows);
                let [scale, offset] = super_factors(unit, part, rows);
                even_offset(code, scale, offset)
            }

            /// `Q6_K`.
            pub(crate) fn six_super(unit: &[Line; 53], part: usize, rows: usize) -> Weights {
                let lines = &unit[5 + 6 * part..];
                let mut code = nibbles(lines, rows);
                for (code, upper) in code.iter_mut().zip(quarters(&lines[4..], rows)) {
                    *code = vectors::or(*code, vectors::up::<4>(upper));
                }
                let scale = super_scales(unit, part, rows);
                Weights { code, scale, offset: [vectors::no_floats(); 2] }
            }

            /// `Q3_K`.
            pub(crate) fn three_super(unit: &[Line; 29], part: usize, rows: usize) -> Weights {
                let lines = &unit[5 + 3 * part..];
                let code = with_bit::<4>(quarters(lines, rows), &lines[2], rows);
                let scale = super_scales(unit, part, rows);
                Weights { code, scale, offset: [vectors::no_floats(); 2] }
            }

            /// `Q2_K`. A byte holds a scale's nibble and, above it, an offset's.
            pub(crate) fn two_super(unit: &[Line; 21], part: usize, rows: usize) -> Weights {
                let code = quarters(&unit[5 + 2 * part..], rows);
                let small = &unit[1 + part / 2];
                let (whole, whole_offset) =
                    (vectors::halves(&unit[0], 0, rows), vectors::halves(&unit[0], 1, rows));
                let (mut scale, mut offset) = ([whole; 2], [whole_offset; 2]);
                for half in 0..2 {
                    let [low, high] = vectors::byte_nibbles(small, part % 2 * 2 + half, rows);
                    scale[half] = vectors::mul(scale[half], low);
                    offset[half] = vectors::negated(vectors::mul(offset[half], high));
                }
                Weights { code, scale, offset }
            }
        }

        $crate::kernels::quantized::tabled!($features);
    };
}

/// Defines a function for each layout that opens whole units of lines into as many places. The
/// level may bring a function that puts the codes of some rows where its products want them.
macro_rules! openers {
    ($features:literal) => {
        $crate::kernels::quantized::openers!($features, in_lines);

        /// Puts the codes of some rows as they are: line `j` holds columns `4j..4j + 4`.
        #[inline]
        #[target_feature(enable = $features)]
        fn in_lines(places: &mut [Line; 8], rows: usize, codes: [vectors::Ints; 8]) {
            for (place, code) in places.iter_mut().zip(codes) {
                vectors::put_codes(place, rows, code);
            }
        }
    };
    ($features:literal, $put:ident) => {
        $crate::kernels::quantized::openers! { @ $features
            nibble: 9, 2;
            nibble_offset: 10, 2;
            nibble_super: 37, 8;
            #[cfg(target_arch = "x86_64")]
            byte: 17, 2;
            signed_byte: 17, 2;
            #[cfg(target_arch = "x86_64")]
            nibble_curve: 9, 2;
            signed_nibble_curve: 9, 2;
            #[cfg(target_arch = "x86_64")]
            nibble_curve_super: 35, 8;
            signed_nibble_curve_super: 35, 8;
            nibble_wide: 35, 8;
            nibble_odd: 35, 8;
            nibble_micro: 9, 2;
            nibble_upper: 9, 2;
            three_triple: 29, 8;
            three_eighths: 29, 8;
            two_ternary: 17, 8;
            five: 11, 2;
            five_offset: 12, 2;
            five_super: 45, 8;
            six_super: 53, 8;
            three_super: 29, 8;
            two_super: 21, 8;
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn units<const LINES: usize, const RUNS: usize>(
            lines: &[Line],
            slab: &mut [Opened],
            open: impl Fn(&[Line; LINES], usize, usize) -> Weights,
        ) {
            let units = lines.as_chunks::<LINES>().0.iter();
            for (unit, runs) in units.zip(slab.as_chunks_mut::<RUNS>().0) {
                // In pairs, so that what sets the two apart is known when this is compiled.
                for (pair, runs) in runs.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                    for (odd, run) in runs.iter_mut().enumerate() {
                        for rows in 0..PARTS {
                            let weights = open(unit, 2 * pair + odd, rows);
                            $put(&mut run.code, rows, weights.code);
                            for half in 0..2 {
                                let [scale, offset] = [weights.scale[half], weights.offset[half]];
                                vectors::put_singles(&mut run.scale[half], rows, scale);
                                vectors::put_singles(&mut run.offset[half], rows, offset);
                            }
                        }
                    }
                }
            }
        }
    };
    (@ $features:literal $($(#[$cfg:meta])? $name:ident: $lines:literal, $runs:literal;)*) => {
        $($(#[$cfg])?
        #[target_feature(enable = $features)]
        pub(crate) fn $name(lines: &[Line], slab: &mut [Opened]) {
            units::<$lines, $runs>(lines, slab, |u, p, r| weights::$name(u, p, r));
        })*
    };
}

pub(in crate::kernels) use {openers, weights};
