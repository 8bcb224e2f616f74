//! Opening codes that are places in a table of 16 steps, by one shuffle of bytes.

/// Defines a function for each such layout, beside those of [`super::weights`].
macro_rules! tabled {
    ($features:literal) => {
        $crate::kernels::quantized::featured! { [$features]
            /// Puts steps for places.
            fn looked_up(mut code: [Ints; 8], steps: &[u8; 16]) -> [Ints; 8] {
                for code in &mut code {
                    *code = vectors::looked_up(steps, *code);
                }
                code
            }

            /// `IQ4_NL`.
            pub(crate) fn nibble_curve(unit: &[Line; 9], part: usize, rows: usize) -> Weights {
                let mut weights = nibble(unit, part, rows);
                weights.code = looked_up(weights.code, &Steps::CURVE.step);
                weights
            }

            /// `IQ4_NL` whose codes become signed.
            pub(crate) fn signed_nibble_curve(
                unit: &[Line; 9],
                part: usize,
                rows: usize,
            ) -> Weights {
                signed(nibble_curve(unit, part, rows))
            }

            /// Nibbles and a multiplier for each run.
            fn nibble_steps(
                unit: &[Line; 35],
                part: usize,
                rows: usize,
                steps: &[u8; 16],
            ) -> Weights {
                let code = looked_up(nibbles(&unit[3 + 4 * part..], rows), steps);
                let multiplier = vectors::signed_bytes(&unit[1 + part / 4], part % 4, rows);
                even(code, vectors::mul(vectors::singles(&unit[0], rows), multiplier))
            }

            /// `IQ4_XS`.
            pub(crate) fn nibble_curve_super(
                unit: &[Line; 35],
                part: usize,
                rows: usize,
            ) -> Weights {
                nibble_steps(unit, part, rows, &Steps::CURVE.step)
            }

            /// `IQ4_XS` whose codes become signed.
            pub(crate) fn signed_nibble_curve_super(
                unit: &[Line; 35],
                part: usize,
                rows: usize,
            ) -> Weights {
                signed(nibble_curve_super(unit, part, rows))
            }

            /// `IQ3_XXS`.
            pub(crate) fn nibble_wide(unit: &[Line; 35], part: usize, rows: usize) -> Weights {
                nibble_steps(unit, part, rows, &Steps::WIDE.step)
            }

            /// `IQ3_S`.
            pub(crate) fn nibble_odd(unit: &[Line; 35], part: usize, rows: usize) -> Weights {
                nibble_steps(unit, part, rows, &Steps::ODD.step)
            }

            /// MXFP4.
            pub(crate) fn nibble_micro(unit: &[Line; 9], part: usize, rows: usize) -> Weights {
                let code = looked_up(nibbles(&unit[1 + 4 * part..], rows), &Steps::MICRO.step);
                even(code, vectors::upper_halves(&unit[0], part, rows))
            }

            /// `INT4`: no table, but MXFP4's kind of scales.
            pub(crate) fn nibble_upper(unit: &[Line; 9], part: usize, rows: usize) -> Weights {
                let scale = vectors::upper_halves(&unit[0], part, rows);
                even(nibbles(&unit[1 + 4 * part..], rows), scale)
            }

            /// Three bits a code and a multiplier for each half of a run.
            fn three_steps(
                unit: &[Line; 29],
                part: usize,
                rows: usize,
                steps: &[u8; 16],
            ) -> Weights {
                let lines = &unit[5 + 3 * part..];
                let code = with_bit::<4>(quarters(lines, rows), &lines[2], rows);
                let small = &unit[1 + part / 2];
                let multiplier = |half| vectors::signed_bytes(small, part % 2 * 2 + half, rows);
                let whole = vectors::singles(&unit[0], rows);
                let scale = [
                    vectors::mul(whole, multiplier(0)),
                    vectors::mul(whole, multiplier(1)),
                ];
                let offset = [vectors::no_floats(); 2];
                Weights { code: looked_up(code, steps), scale, offset }
            }

            /// `IQ2_XXS`, `IQ2_XS`, `IQ2_S`.
            pub(crate) fn three_triple(unit: &[Line; 29], part: usize, rows: usize) -> Weights {
                three_steps(unit, part, rows, &Steps::TRIPLE.step)
            }

            /// `IQ1_S`, `IQ1_M`.
            pub(crate) fn three_eighths(unit: &[Line; 29], part: usize, rows: usize) -> Weights {
                three_steps(unit, part, rows, &Steps::EIGHTHS.step)
            }

            /// `TQ1_0`, `TQ2_0`: the codes are one too large, and no table is needed.
            pub(crate) fn two_ternary(unit: &[Line; 17], part: usize, rows: usize) -> Weights {
                even(quarters(&unit[1 + 2 * part..], rows), vectors::singles(&unit[0], rows))
            }
        }
    };
}

pub(in crate::kernels) use tabled;
