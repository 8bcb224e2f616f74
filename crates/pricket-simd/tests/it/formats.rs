//! Files' blocks to numbers, and to packed weights and back.

use pricket_simd::{Format, PackedMatrix, Packer, dequantize_row, packed_bytes, reference};

use crate::material::{KINDS, Kind, Random, bits, weights};

#[test]
fn every_format_reads_as_its_specification_words_it() {
    let mut random = Random::new(1);
    for format in Format::ALL {
        for kind in KINDS {
            let cols = 512;
            let bytes = weights(format, 3, cols, kind, &mut random);
            for row in bytes.chunks_exact(format.row_bytes(cols).unwrap()) {
                let mut ours = vec![0.0f32; cols];
                let mut plain = vec![0.0f64; cols];
                dequantize_row(format, row, &mut ours).unwrap();
                reference::dequantize(format, row, &mut plain).unwrap();
                let greatest = plain.iter().fold(0.0f64, |m, v| m.max(v.abs()));
                for (k, (ours, plain)) in ours.iter().zip(&plain).enumerate() {
                    // Two f32 roundings: of the scaled code and of the offset's addition.
                    let error = (f64::from(*ours) - plain).abs();
                    assert!(error <= greatest * 2e-7, "{format} {kind:?} {k}: {ours} {plain}");
                }
            }
        }
    }
}

#[test]
fn a_value_of_each_format_is_what_the_arithmetic_says() {
    // One block each, computed by hand: d = 0.5, m = 0.25, all code bytes 0x21 (or as said).
    let half = |v: f32| half::f16::from_f32(v).to_le_bytes();
    let mut out = vec![0.0f32; 32];
    let q4_0 = [&half(0.5)[..], &[0x21; 16]].concat();
    dequantize_row(Format::Q4_0, &q4_0, &mut out).unwrap();
    assert_eq!((out[0], out[15], out[16], out[31]), (-3.5, -3.5, -3.0, -3.0));
    let q4_1 = [&half(0.5)[..], &half(0.25), &[0x21; 16]].concat();
    dequantize_row(Format::Q4_1, &q4_1, &mut out).unwrap();
    assert_eq!((out[0], out[16]), (0.75, 1.25));
    let q5_0 = [&half(0.5)[..], &[1, 0, 0, 0x80], &[0x21; 16]].concat();
    dequantize_row(Format::Q5_0, &q5_0, &mut out).unwrap();
    assert_eq!((out[0], out[1], out[30], out[31]), (0.5, -7.5, -7.0, 1.0));
    let q8_0 = [&half(0.5)[..], &[0xff; 32]].concat();
    dequantize_row(Format::Q8_0, &q8_0, &mut out).unwrap();
    assert_eq!(out, [-0.5; 32]);
    let mut out = vec![0.0f32; 256];
    let mut q6 = vec![0u8; 210];
    q6[192..208].fill(2);
    q6[208..].copy_from_slice(&half(0.5));
    dequantize_row(Format::Q6K, &q6, &mut out).unwrap();
    assert_eq!(out, [-32.0; 256]);
}

#[test]
fn a_packed_row_has_the_bits_of_the_files_row() {
    let mut random = Random::new(2);
    for format in Format::ALL {
        for kind in KINDS {
            for rows in [1, 15, 16, 17, 33] {
                let step = format.block_len().max(1);
                for cols in [step, 3 * step, 8 * step] {
                    let bytes = weights(format, rows, cols, kind, &mut random);
                    let packed = PackedMatrix::pack(format, rows, cols, &bytes).unwrap();
                    assert_eq!(packed.groups(), rows.div_ceil(16));
                    for (row, file) in
                        bytes.chunks_exact(format.row_bytes(cols).unwrap()).enumerate()
                    {
                        let (mut a, mut b) = (vec![0.0; cols], vec![1.0; cols]);
                        dequantize_row(format, file, &mut a).unwrap();
                        packed.row_into(row, &mut b).unwrap();
                        assert_eq!(bits(&a), bits(&b), "{format} {kind:?} row {row} cols {cols}");
                    }
                }
            }
        }
    }
}

#[test]
fn packing_in_pieces_gives_the_same_matrix() {
    let mut random = Random::new(3);
    let (rows, cols) = (53, 512);
    for format in Format::ALL {
        let row_bytes = format.row_bytes(cols).unwrap();
        let bytes = weights(format, rows, cols, Kind::Random, &mut random);
        let whole = PackedMatrix::pack(format, rows, cols, &bytes).unwrap();
        let mut packer = Packer::new([(format, rows, cols)]).unwrap();
        // 53 rows in pieces of 16, 16, 16 and 5, the last first.
        let mut pieces: Vec<_> = packer.pieces(20 * row_bytes).collect();
        assert_eq!(pieces.len(), 4, "{format}");
        while let Some(piece) = pieces.pop() {
            let file = &bytes[piece.rows().start * row_bytes..piece.rows().end * row_bytes];
            assert_eq!((piece.matrix(), piece.bytes()), (0, file.len()));
            assert_eq!(piece.offset(), (piece.rows().start * row_bytes) as u64);
            piece.pack(file).unwrap();
        }
        drop(pieces);
        let pieces = packer.finish().unwrap().remove(0);
        assert_eq!(whole.bytes(), pieces.bytes());
        for row in 0..rows {
            let (mut a, mut b) = (vec![0.0; cols], vec![1.0; cols]);
            whole.row_into(row, &mut a).unwrap();
            pieces.row_into(row, &mut b).unwrap();
            assert_eq!(bits(&a), bits(&b), "{format} row {row}");
        }
    }
}

/// Three matrices in one block of memory, the middle one of more than a huge page.
#[test]
fn matrices_packed_side_by_side_are_those_packed_alone() {
    let mut random = Random::new(4);
    let shapes = [
        (Format::Q4_1, 37, 96),
        (Format::Q8_0, 1_700, 2_048),
        (Format::Q6K, 16, 256),
        (Format::F32, 3, 5),
    ];
    let files =
        shapes.map(|(format, rows, cols)| weights(format, rows, cols, Kind::Random, &mut random));
    let mut packer = Packer::new(shapes).unwrap();
    std::thread::scope(|scope| {
        for piece in packer.pieces(200_000) {
            let file = &files[piece.matrix()];
            scope.spawn(move || {
                let start = piece.offset() as usize;
                let end = start + piece.bytes();
                piece.pack(&file[start..end]).unwrap();
            });
        }
    });
    let together = packer.finish().unwrap();
    assert_eq!(together.len(), shapes.len());
    for ((matrix, file), (format, rows, cols)) in together.iter().zip(&files).zip(shapes) {
        let alone = PackedMatrix::pack(format, rows, cols, file).unwrap();
        assert_eq!((matrix.format(), matrix.rows(), matrix.cols()), (format, rows, cols));
        assert_eq!(matrix.bytes(), alone.bytes());
        for row in 0..rows {
            let (mut a, mut b) = (vec![0.0; cols], vec![1.0; cols]);
            matrix.row_into(row, &mut a).unwrap();
            alone.row_into(row, &mut b).unwrap();
            assert_eq!(bits(&a), bits(&b), "{format} row {row}");
        }
    }
    assert!(Packer::new([]).unwrap().finish().unwrap().is_empty());
}

/// The figures of the documentation, in thousandths of a bit for each weight.
#[test]
fn packed_weights_take_the_documented_room() {
    let (rows, cols) = (32, 2_048);
    for (format, file, packed) in [
        (Format::Q4_0, 4_500, 4_500),
        (Format::Iq1S, 1_562, 3_625),
        (Format::Iq1M, 1_750, 3_625),
        (Format::Iq2Xxs, 2_062, 3_625),
        (Format::Iq2Xs, 2_312, 3_625),
        (Format::Iq2S, 2_562, 3_625),
        (Format::Iq3Xxs, 3_062, 4_375),
        (Format::Iq3S, 3_437, 4_375),
        (Format::Iq4Nl, 4_500, 4_500),
        (Format::Iq4Xs, 4_250, 4_375),
        (Format::Mxfp4, 4_250, 4_500),
        (Format::Tq1_0, 1_687, 2_125),
        (Format::Tq2_0, 2_062, 2_125),
        (Format::Int4, 4_500, 4_500),
        (Format::F8E4M3, 8_250, 8_250),
    ] {
        let of = |bytes: usize| bytes * 8_000 / (rows * cols);
        assert_eq!(of(rows * format.row_bytes(cols).unwrap()), file, "{format}");
        assert_eq!(of(packed_bytes(format, rows, cols).unwrap()), packed, "{format}");
    }
}

/// Every code of E4M3, from its parts: the greatest is 448, the least above zero 2^-9.
#[test]
fn small_floats_are_those_of_the_specification() {
    let row = |codes: &[u8], scale: f32| [codes, &scale.to_le_bytes()[..]].concat();
    for code in (0..=255_u8).filter(|code| code & 0x7f != 0x7f) {
        let mut value = [0.0];
        dequantize_row(Format::F8E4M3, &row(&[code], 0.375), &mut value).unwrap();
        let (exponent, mantissa) = (i32::from(code >> 3 & 15), f32::from(code & 7));
        let size = match exponent {
            0 => mantissa * 2f32.powi(-9),
            _ => (8.0 + mantissa) * 2f32.powi(exponent - 10),
        };
        let sign = if code < 128 { 1.0 } else { -1.0 };
        assert_eq!(value[0].to_bits(), (sign * size * 0.375).to_bits(), "{code:#x}");
    }
    let mut ends = [0.0; 3];
    dequantize_row(Format::F8E4M3, &row(&[0x7e, 0x01, 0x80], 1.0), &mut ends).unwrap();
    assert_eq!((ends[0], ends[1]), (448.0, 2f32.powi(-9)));
    assert!(ends[2] == 0.0 && ends[2].is_sign_negative());
}

/// What is no number spoils the 128 columns that share its scale, and no others.
#[test]
fn a_small_float_that_is_no_number_is_never_taken_for_one() {
    for code in [0x7f, 0xff] {
        let mut codes = vec![0x38_u8; 300];
        codes[130] = code;
        let scales: Vec<u8> = [1.0f32, 2.0, 4.0].iter().flat_map(|s| s.to_le_bytes()).collect();
        let row = [codes, scales].concat();
        let packed = PackedMatrix::pack(Format::F8E4M3, 1, 300, &row).unwrap();
        let (mut file, mut back) = (vec![0.0; 300], vec![0.0; 300]);
        dequantize_row(Format::F8E4M3, &row, &mut file).unwrap();
        packed.row_into(0, &mut back).unwrap();
        for values in [file, back] {
            assert!(values[..128].iter().all(|value| *value == 1.0));
            assert!(values[128..256].iter().all(|value| value.is_nan()));
            assert!(values[256..].iter().all(|value| *value == 4.0));
        }
    }
}
