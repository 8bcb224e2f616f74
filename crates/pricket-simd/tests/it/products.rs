//! Weights times activations: every format, level, shape and tail.

use pricket_simd::{
    ActKind, Activations, Format, Kernels, Level, PackedMatrix, dequantize_row, matmul, reference,
};

use crate::material::{KINDS, Kind, Random, bits, levels, weights, wide};

/// A matrix, its numbers and some activations.
struct Case {
    packed: PackedMatrix,
    rows: Vec<Vec<f64>>,
    x: Vec<f32>,
    tokens: usize,
}

impl Case {
    fn new(format: Format, shape: (usize, usize), tokens: usize, kind: Kind, seed: u64) -> Self {
        let (rows, cols) = shape;
        let mut random = Random::new(seed);
        let bytes = weights(format, rows, cols, kind, &mut random);
        let packed = PackedMatrix::pack(format, rows, cols, &bytes).unwrap();
        let rows = bytes
            .chunks_exact(format.row_bytes(cols).unwrap())
            .map(|row| {
                let mut values = vec![0.0f32; cols];
                dequantize_row(format, row, &mut values).unwrap();
                wide(&values)
            })
            .collect();
        Self { packed, rows, x: random.bells(tokens * cols), tokens }
    }

    fn cols(&self) -> usize {
        self.packed.cols()
    }

    /// The product of the first `tokens` tokens: token after token, row after row.
    fn run(&self, kernels: &Kernels, tokens: usize) -> Vec<f32> {
        self.run_from(kernels, 0, tokens)
    }

    fn run_from(&self, kernels: &Kernels, first: usize, tokens: usize) -> Vec<f32> {
        let cols = self.cols();
        let mut act = Activations::with_capacity(tokens, cols);
        let x = &self.x[first * cols..(first + tokens) * cols];
        act.set(kernels, self.packed.activation_kind(), x, tokens, cols).unwrap();
        let rows = self.packed.rows();
        let mut out = vec![f32::NAN; tokens * rows];
        matmul(kernels, &self.packed, 0..self.packed.groups(), &act, &mut out, rows).unwrap();
        out
    }

    /// The greatest error of `out` against f64, as a share of what the terms add up to in size.
    fn error(&self, out: &[f32], tokens: usize) -> f64 {
        let mut worst = 0.0f64;
        for (token, out) in out.chunks_exact(self.packed.rows()).enumerate().take(tokens) {
            let x = &self.x[token * self.cols()..(token + 1) * self.cols()];
            let x = match self.packed.activation_kind() {
                ActKind::Q8 => reference::quantized_activations(x),
                _ => wide(x),
            };
            for (row, out) in self.rows.iter().zip(out) {
                let size: f64 = row.iter().zip(&x).map(|(w, x)| (w * x).abs()).sum();
                assert!(!out.is_nan(), "{}", self.packed.format());
                // Below the normal singles, steps have a size of their own.
                let steps = 1e-45 * row.len() as f64;
                let error = ((f64::from(*out) - reference::dot(row, &x)).abs() - steps).max(0.0);
                worst = worst.max(if size > 0.0 { error / size } else { error });
            }
        }
        worst
    }
}

/// Column counts that fit a format: single blocks, odd counts of blocks, and a long row.
fn columns(format: Format) -> Vec<usize> {
    match format.block_len() {
        1 => vec![1, 2, 7, 64, 129, 1568],
        32 => vec![32, 64, 96, 576, 1536 + 32],
        _ => vec![256, 768, 1536],
    }
}

#[test]
fn every_level_agrees_with_the_definition_on_every_shape() {
    for kernels in levels() {
        for format in Format::ALL {
            let mut worst = 0.0f64;
            for (index, cols) in columns(format).into_iter().enumerate() {
                for rows in [1, 2, 15, 16, 17, 31, 40] {
                    let tokens = [1, 2, 3, 5, 8, 9, 15, 16, 17, 40][(index + rows) % 10];
                    let case = Case::new(format, (rows, cols), tokens, Kind::Random, rows as u64);
                    worst = worst.max(case.error(&case.run(kernels, tokens), tokens));
                }
            }
            eprintln!(
                "{} {format}: greatest error {worst:.1e} of the terms' size",
                kernels.level()
            );
            assert!(worst < 2e-6, "{} {format}: {worst}", kernels.level());
        }
    }
}

#[test]
fn extreme_weights_and_activations_neither_overflow_nor_drift() {
    for kernels in levels() {
        for format in Format::ALL {
            for kind in KINDS {
                let cols = columns(format)[2];
                for push in [1.0f32, -1.0, 1e30, 1e-30, 0.0, 1e-40] {
                    let mut case = Case::new(format, (17, cols), 3, kind, 5);
                    // Every code at its greatest magnitude, signs in a pattern.
                    for (k, x) in case.x.iter_mut().enumerate() {
                        *x = if k % 3 == 0 && kind != Kind::Extreme { -push } else { push };
                    }
                    let error = case.error(&case.run(kernels, 3), 3);
                    assert!(error < 2e-6, "{} {format} {kind:?} {push}: {error}", kernels.level());
                }
            }
        }
    }
}

#[test]
fn a_value_has_the_same_bits_alone_and_in_company() {
    for kernels in levels() {
        for format in Format::ALL {
            let cols = columns(format)[3 % columns(format).len()];
            let case = Case::new(format, (37, cols), 33, Kind::Random, 6);
            let rows = case.packed.rows();
            let alone: Vec<f32> =
                (0..33).flat_map(|token| case.run_from(kernels, token, 1)).collect();
            for tokens in [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 15, 16, 17, 33] {
                let together = case.run(kernels, tokens);
                let level = kernels.level();
                assert_eq!(
                    bits(&together),
                    bits(&alone[..tokens * rows]),
                    "{level} {format} {tokens} tokens"
                );
            }
        }
    }
}

/// Weights are opened for up to 256 tokens at once.
#[test]
fn a_value_has_the_same_bits_in_a_crowd() {
    for kernels in levels() {
        for format in [Format::F16, Format::Q4_1, Format::Q5_0, Format::Q8_0, Format::Q6K] {
            let cols = columns(format)[0];
            let case = Case::new(format, (19, cols), 530, Kind::Random, 9);
            let whole = case.run(kernels, 530);
            for (first, tokens) in [(0, 255), (0, 256), (0, 257), (255, 3), (511, 2), (0, 513)] {
                let some = case.run_from(kernels, first, tokens);
                let expected = &whole[first * 19..(first + tokens) * 19];
                let level = kernels.level();
                assert_eq!(bits(&some), bits(expected), "{level} {format} {first} {tokens}");
            }
        }
    }
}

#[test]
fn activations_set_piece_by_piece_are_those_set_at_once() {
    for kernels in levels() {
        for (format, pieces) in [
            (Format::Q4_1, &[32, 64, 32, 160][..]),
            (Format::Q6K, &[96, 32, 128]),
            (Format::F32, &[1, 30, 2, 64]),
            (Format::Bf16, &[7, 90]),
        ] {
            let cols = pieces.iter().sum();
            for tokens in [1, 3, 16, 17, 40] {
                let case = Case::new(format, (19, cols), tokens, Kind::Random, 10);
                let kind = case.packed.activation_kind();
                // Room that holds other values, from more tokens.
                let mut act = Activations::with_capacity(0, 0);
                act.set(kernels, kind, &vec![9.0; 50 * 512], 50, 512).unwrap();
                act.begin(kind, tokens, cols).unwrap();
                let (mut first, mut out) = (0, vec![0.0; tokens * 19]);
                for width in pieces {
                    let refused = matmul(kernels, &case.packed, 0..2, &act, &mut out, 19);
                    refused.expect_err("not all columns are set");
                    let columns = first..first + width;
                    let rows = case.x.chunks(cols).take(tokens);
                    let piece: Vec<f32> =
                        rows.flat_map(|row| row[columns.clone()].to_vec()).collect();
                    act.set_columns(kernels, first, *width, &piece).unwrap();
                    act.set_columns(kernels, first, *width, &piece).expect_err("set already");
                    first += width;
                }
                matmul(kernels, &case.packed, 0..2, &act, &mut out, 19).unwrap();
                let whole = case.run(kernels, tokens);
                assert_eq!(bits(&out), bits(&whole), "{} {format} {tokens}", kernels.level());
            }
        }
    }
}

#[test]
fn a_value_has_the_same_bits_however_groups_are_split_and_strided() {
    for kernels in levels() {
        for format in Format::ALL {
            for tokens in [1, 5, 18] {
                let cols = columns(format)[3 % columns(format).len()];
                let case = Case::new(format, (71, cols), tokens, Kind::Random, 7);
                let whole = case.run(kernels, tokens);
                let mut act = Activations::with_capacity(tokens, cols);
                let kind = case.packed.activation_kind();
                act.set(kernels, kind, &case.x, tokens, cols).unwrap();
                let stride = 80;
                for split in 1..5 {
                    let mut out = vec![7.0f32; tokens * stride];
                    let (head, tail) = (0..split, split..5);
                    matmul(kernels, &case.packed, head, &act, &mut out, stride).unwrap();
                    matmul(kernels, &case.packed, tail, &act, &mut out[16 * split..], stride)
                        .unwrap();
                    for (token, out) in out.chunks_exact(stride).enumerate() {
                        let (values, gap) = out.split_at(71);
                        assert_eq!(bits(values), bits(&whole[token * 71..(token + 1) * 71]));
                        assert_eq!(gap, [7.0; 9], "what lies between the rows is not written");
                    }
                }
            }
        }
    }
}

#[test]
fn every_level_gives_the_same_bits() {
    let scalar = Kernels::at(Level::Scalar).unwrap();
    for kernels in levels() {
        for format in Format::ALL {
            for kind in KINDS {
                for cols in columns(format) {
                    let case = Case::new(format, (19, cols), 11, kind, 8);
                    let level = kernels.level();
                    for tokens in [1, 11] {
                        assert_eq!(
                            bits(&case.run(scalar, tokens)),
                            bits(&case.run(kernels, tokens)),
                            "{level} {format} {kind:?} cols {cols} tokens {tokens}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn eight_bit_activations_cost_less_than_a_hundredth() {
    let kernels = Kernels::detect().unwrap();
    for format in Format::ALL {
        let cols = 1536;
        let case = Case::new(format, (64, cols), 4, Kind::Random, 9);
        let out = case.run(kernels, 4);
        let (mut errors, mut values) = (0.0, 0.0);
        for (token, out) in out.chunks_exact(64).enumerate() {
            let x = wide(&case.x[token * cols..(token + 1) * cols]);
            for (row, out) in case.rows.iter().zip(out) {
                let exact = reference::dot(row, &x);
                errors += (f64::from(*out) - exact).powi(2);
                values += exact * exact;
            }
        }
        let share = (errors / values).sqrt();
        eprintln!("{format}: rms error {share:.5} of the rms value");
        let bound = if case.packed.activation_kind() == ActKind::F32 { 1e-6 } else { 0.01 };
        assert!(share < bound, "{format}: {share}");
    }
}

#[test]
fn a_buffer_is_used_again_for_other_shapes_without_a_trace() {
    for kernels in levels() {
        let mut act = Activations::with_capacity(20, 576);
        for (format, cols, tokens) in [
            (Format::Q4_1, 576, 20),
            (Format::Q4_1, 96, 3),
            (Format::F16, 33, 17),
            (Format::Q8_0, 96, 1),
            (Format::F32, 7, 1),
            (Format::Q8_0, 160, 20),
        ] {
            let case = Case::new(format, (21, cols), tokens, Kind::Random, 10);
            act.set(kernels, case.packed.activation_kind(), &case.x, tokens, cols).unwrap();
            let mut out = vec![0.0; 21 * tokens];
            matmul(kernels, &case.packed, 0..2, &act, &mut out, 21).unwrap();
            assert_eq!(bits(&out), bits(&case.run(kernels, tokens)), "{format} {cols} {tokens}");
        }
    }
}

#[test]
fn what_is_not_a_number_stays_none() {
    for kernels in levels() {
        for format in Format::ALL {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let cols = format.block_len() * 2;
                for tokens in [1, 3] {
                    let mut case = Case::new(format, (16, cols), tokens, Kind::Random, 11);
                    case.x[cols - 1] = bad;
                    let out = case.run(kernels, tokens);
                    let level = kernels.level();
                    assert!(out[..16].iter().all(|v| !v.is_finite()), "{level} {format} {bad}");
                    assert!(out[16..].iter().all(|v| v.is_finite()), "{level} {format} {bad}");
                }
            }
        }
    }
}

#[test]
fn products_are_counted() {
    let kernels = Kernels::at(Level::Scalar).unwrap();
    let case = Case::new(Format::Q4_0, (16, 32), 1, Kind::Random, 12);
    let before = kernels.matmuls();
    let _ = case.run(kernels, 1);
    assert!(kernels.matmuls() > before);
    assert_eq!(case.tokens, 1);
}
