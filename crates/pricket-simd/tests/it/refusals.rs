//! Wrong lengths and shapes end in typed errors, and nothing panics.

use std::ops::Range;

use half::f16;
use pricket_simd::{
    ATTENTION_CHUNK, ActKind, Activations, Attended, AttentionSpace, AttentionTile, Format,
    Kernels, KvLine, PackedMatrix, Packer, RopePairing, SimdError, dequantize_row, kv_lines,
    matmul, write_key_lines, write_value_lines,
};
use proptest::prelude::*;

fn kernels() -> &'static Kernels {
    Kernels::detect().unwrap()
}

#[test]
fn wrong_lengths_are_refused_by_every_vector_operation() {
    let k = kernels();
    let (a, b) = ([1.0f32; 4], [1.0f32; 5]);
    let mut out = [0.0f32; 4];
    let mut halves = [f16::ZERO; 5];
    let refused = [
        k.dot(&a, &b).map(drop),
        k.add_assign(&mut out, &b),
        k.axpy(&mut out, 2.0, &b),
        k.rms_norm(&a, &b, 1e-5, &mut out),
        k.rms_norm(&b, &b, 1e-5, &mut out),
        k.silu_mul(&a, &b, &mut out),
        k.silu_mul(&b, &b, &mut out),
        k.gelu_mul(&a, &b, &mut out),
        k.gelu_mul(&b, &b, &mut out),
        k.bounded_mul(&a, &b, [1.0, 1.0], &mut out),
        k.bounded_mul(&b, &b, [1.0, 1.0], &mut out),
        k.rope(&mut out, &a, &a, RopePairing::Half),
        k.rope(&mut out, &a[..2], &a[..1], RopePairing::Interleaved),
        k.narrow(&a, &mut halves),
        k.widen(&halves, &mut out),
    ];
    for (index, result) in refused.into_iter().enumerate() {
        let error = result.expect_err(&format!("operation {index} must refuse"));
        assert!(matches!(error, SimdError::LengthMismatch { .. }), "{index}: {error}");
        assert_eq!(error.code(), "simd_length_mismatch");
    }
    assert_eq!(out, [0.0; 4], "a refused operation writes nothing");
}

#[test]
fn attention_of_the_wrong_shape_is_refused_and_writes_nothing() {
    let k = kernels();
    let queries = [1.0f32; 8];
    let cache = [1.0f32; 64];
    let good = AttentionTile {
        queries: &queries,
        width: 4,
        value_width: 4,
        visible: &[3, 4],
        window: None,
        first: 0,
        keys: &cache,
        values: &cache,
        scale: 1.0,
        softcap: None,
    };
    let lengths = [
        AttentionTile { queries: &queries[..7], ..good },
        AttentionTile { keys: &cache[..63], ..good },
        AttentionTile { values: &cache[..15], ..good },
        AttentionTile { visible: &[3, 17], ..good },
        AttentionTile { visible: &[3, 4, 4], ..good },
    ];
    let run = |tile: &AttentionTile<'_, f32>, span, room: [usize; 3]| {
        let (mut sums, mut peaks, mut totals) = ([0.0; 8], [0.0; 2], [0.0; 2]);
        let mut state = Attended {
            sums: &mut sums[..room[0]],
            peaks: &mut peaks[..room[1]],
            totals: &mut totals[..room[2]],
        };
        let result = k.attend(tile, span, &mut AttentionSpace::default(), &mut state);
        assert_eq!(result.is_err(), sums == [0.0; 8], "a refused operation writes nothing");
        result
    };
    run(&good, 0..4, [8, 2, 2]).unwrap();
    for tile in &lengths {
        let error = run(tile, 0..usize::MAX, [8, 2, 2]).unwrap_err();
        assert!(matches!(error, SimdError::LengthMismatch { .. }), "{error}");
    }
    for room in [[7, 2, 2], [8, 1, 2], [8, 2, 1]] {
        let error = run(&good, 0..4, room).unwrap_err();
        assert!(matches!(error, SimdError::LengthMismatch { .. }), "{error}");
    }
    let empty = AttentionTile { queries: &[], visible: &[], ..good };
    assert!(matches!(run(&empty, 0..4, [0, 0, 0]), Err(SimdError::Empty { .. })));
    let blind = AttentionTile { window: Some(0), ..good };
    assert!(matches!(run(&blind, 0..4, [8, 2, 2]), Err(SimdError::Empty { .. })));
    let wordless = AttentionTile { value_width: 0, ..good };
    assert!(matches!(run(&wordless, 0..4, [8, 2, 2]), Err(SimdError::Empty { .. })));
    let inside = run(&good, ATTENTION_CHUNK - 1..ATTENTION_CHUNK, [8, 2, 2]);
    assert!(matches!(inside, Err(SimdError::ShapeUnsupported { .. })));
    let between = AttentionTile { first: 1, ..good };
    let later = AttentionTile { first: ATTENTION_CHUNK, ..good };
    for tile in [&between, &later] {
        let refused = run(tile, 0..4, [8, 2, 2]);
        assert!(matches!(refused, Err(SimdError::ShapeUnsupported { .. })), "{refused:?}");
    }
    let nothing = k.finish_attended(
        &mut Attended { sums: &mut [1.0; 4], peaks: &mut [0.0], totals: &mut [0.0] },
        4,
    );
    assert!(matches!(nothing, Err(SimdError::Empty { .. })), "a row that attended to nothing");
    let far = AttentionTile { visible: &[usize::MAX; 2], width: usize::MAX, ..good };
    let wide = AttentionTile { value_width: 8, ..good };
    assert!(run(&wide, 0..4, [8, 2, 2]).is_err());
    assert!(run(&far, 0..usize::MAX, [8, 2, 2]).is_err());
}

#[test]
fn sinks_of_the_wrong_number_are_refused() {
    let k = kernels();
    let sink = |sinks: &[f32], room: [usize; 3]| {
        let (mut sums, mut peaks, mut totals) = ([1.0; 8], [0.0; 2], [1.0; 2]);
        let mut state = Attended {
            sums: &mut sums[..room[0]],
            peaks: &mut peaks[..room[1]],
            totals: &mut totals[..room[2]],
        };
        let result = k.sink_attended(&mut state, sinks, 4);
        assert_eq!(result.is_err(), totals == [1.0; 2], "a refused operation writes nothing");
        result
    };
    sink(&[0.0], [8, 2, 2]).unwrap();
    sink(&[0.0, 1.0], [8, 2, 2]).unwrap();
    for room in [[7, 2, 2], [8, 1, 2], [8, 2, 1]] {
        assert!(matches!(sink(&[0.0], room), Err(SimdError::LengthMismatch { .. })));
    }
    assert!(matches!(sink(&[], [8, 2, 2]), Err(SimdError::Empty { .. })));
    assert!(matches!(sink(&[0.0; 3], [8, 2, 2]), Err(SimdError::ShapeUnsupported { .. })));
}

#[test]
fn a_cache_of_eight_bits_refuses_what_it_cannot_hold() {
    assert_eq!(kv_lines(64, 17).unwrap(), 2 * 2 * 34);
    assert!(matches!(kv_lines(48, 1), Err(SimdError::ShapeUnsupported { found: 48, .. })));
    assert!(matches!(kv_lines(1 << 62, 1 << 62), Err(SimdError::SizeOverflow { .. })));
    let mut lines = vec![[1i8; 16]; kv_lines(32, 16).unwrap()];
    for (position, width) in [(16, 32), (0, 64), (0, 31), (usize::MAX, 32)] {
        let numbers = vec![1.0; width];
        assert!(write_key_lines(&mut lines, position, &numbers).is_err());
        assert!(write_value_lines(&mut lines, position, &numbers).is_err());
    }
    assert!(lines.iter().all(|line| *line == [1; 16]), "a refused operation writes nothing");
    let queries = [1.0; 32];
    let good = AttentionTile {
        queries: &queries,
        width: 32,
        value_width: 32,
        visible: &[16],
        window: None,
        first: 0,
        keys: &lines,
        values: &lines,
        scale: 1.0,
        softcap: None,
    };
    let run = |tile: &AttentionTile<'_, KvLine>| {
        let (sums, peaks, totals) = (&mut [0.0; 32][..], &mut [0.0][..], &mut [0.0][..]);
        let mut state = Attended { sums: &mut sums[..tile.value_width], peaks, totals };
        kernels().attend(tile, 0..32, &mut AttentionSpace::default(), &mut state)
    };
    run(&good).unwrap();
    assert!(run(&AttentionTile { visible: &[17], ..good }).is_err());
    assert!(run(&AttentionTile { keys: &lines[1..], ..good }).is_err());
    assert!(run(&AttentionTile { width: 16, queries: &queries[..16], ..good }).is_err());
    assert!(run(&AttentionTile { value_width: 16, ..good }).is_err());
}

#[test]
fn matrices_that_cannot_be_are_refused() {
    for format in Format::ALL {
        let block = format.block_len();
        if block > 1 {
            let refused = Packer::new([(format, 4, block + 1)]);
            assert!(matches!(refused, Err(SimdError::ColumnsUnaligned { .. })));
        }
        assert!(matches!(Packer::new([(format, 0, block)]), Err(SimdError::Empty { .. })));
        assert!(Packer::new([(format, 4, 0)]).is_err());
        for (rows, cols) in [
            (usize::MAX, block),
            (1, usize::MAX / block * block),
            (usize::MAX / 2, 1 << 40),
            (1 << 40, 1 << 30),
        ] {
            let error = Packer::new([(format, rows, cols)]).expect_err("too large");
            assert!(
                matches!(error, SimdError::SizeOverflow { .. } | SimdError::OutOfMemory { .. }),
                "{format} {rows} {cols}: {error}"
            );
        }
        let row = vec![0u8; format.row_bytes(block).unwrap()];
        let short = PackedMatrix::pack(format, 2, block, &row);
        assert!(matches!(short, Err(SimdError::LengthMismatch { .. })));
        let mut packer = Packer::new([(format, 1, block)]).unwrap();
        for piece in packer.pieces(1) {
            assert!(matches!(piece.pack(&row[1..]), Err(SimdError::LengthMismatch { .. })));
        }
        for piece in packer.pieces(0) {
            piece.pack(&row).unwrap();
        }
        // Cut again, it is to be packed again.
        assert_eq!(packer.pieces(usize::MAX).count(), 1);
        assert!(matches!(packer.finish(), Err(SimdError::LengthMismatch { .. })));
        let mut packer = Packer::new([(format, 1, block)]).unwrap();
        packer.pieces(1).try_for_each(|piece| piece.pack(&row)).unwrap();
        let matrix = packer.finish().unwrap().remove(0);
        let mut out = vec![0.0; block];
        assert!(matches!(matrix.row_into(1, &mut out), Err(SimdError::OutOfRange { .. })));
        assert!(matrix.row_into(0, &mut []).is_err());
        assert!(dequantize_row(format, &row, &mut vec![0.0; 2 * block]).is_err());
    }
}

#[test]
fn products_of_wrong_shapes_are_refused() {
    let k = kernels();
    let w = PackedMatrix::pack(Format::Q8_0, 20, 64, &vec![0; 20 * 68]).unwrap();
    let mut act = Activations::with_capacity(2, 64);
    let mut out = vec![5.0f32; 64];
    let refused = matmul(k, &w, 0..2, &act, &mut out, 20).unwrap_err();
    assert_eq!(refused.code(), "simd_empty", "nothing was set yet: {refused}");
    act.set(k, ActKind::F32, &[0.0; 64], 1, 64).unwrap();
    let refused = matmul(k, &w, 0..2, &act, &mut out, 20);
    assert!(matches!(refused, Err(SimdError::ActivationKindMismatch { .. })));
    act.set(k, ActKind::Q8, &[0.0; 96], 1, 96).unwrap();
    assert!(matmul(k, &w, 0..2, &act, &mut out, 20).is_err(), "other columns");
    act.set(k, ActKind::Q8, &[0.0; 128], 2, 64).unwrap();
    for (groups, room, stride) in [
        (0..3, 64, 20),
        (1..4, 64, 20),
        (Range { start: 2, end: 1 }, 64, 20),
        (0..2, 39, 20),
        (0..2, 64, 19),
    ] {
        let refused = matmul(k, &w, groups.clone(), &act, &mut out[..room], stride);
        assert!(refused.is_err(), "{groups:?} {room} {stride}");
    }
    assert!(matmul(k, &w, 0..2, &act, &mut out, usize::MAX).is_err());
    assert_eq!(out, [5.0; 64], "a refused product writes nothing");
    matmul(k, &w, 1..1, &act, &mut [], 0).unwrap();
    matmul(k, &w, 0..2, &act, &mut out[..40], 20).unwrap();
    assert_eq!(&out[..40], [0.0; 40]);
}

#[test]
fn activations_of_wrong_shapes_are_refused() {
    let k = kernels();
    let mut act = Activations::with_capacity(4, 64);
    assert!(act.set(k, ActKind::Q8, &[0.0; 48], 1, 48).is_err());
    assert!(act.set(k, ActKind::Q8, &[0.0; 64], 2, 64).is_err());
    assert!(act.set(k, ActKind::F32, &[], 0, 64).is_err());
    assert!(act.set(k, ActKind::F32, &[], 64, 0).is_err());
    assert!(act.set(k, ActKind::F32, &[], usize::MAX, 2).is_err());
    assert!(act.set(k, ActKind::F32, &[], usize::MAX / 2, 2).is_err());
    assert!(act.begin(ActKind::F32, usize::MAX / 4, 2).is_err(), "no such memory");

    // What was set stays as it was, and is multiplied as it was.
    let w = PackedMatrix::pack(Format::F32, 1, 2, &[0, 0, 128, 63, 0, 0, 128, 63]).unwrap();
    act.set(k, ActKind::F32, &[1.0, 2.0, 3.0, 4.0], 2, 2).unwrap();
    assert!(act.set(k, ActKind::F32, &[0.0; 5], 3, 2).is_err());
    assert!(act.set(k, ActKind::Q8, &[0.0; 6], 3, 2).is_err());
    assert_eq!((act.kind(), act.tokens(), act.cols()), (ActKind::F32, 2, 2));
    let mut out = [0.0; 2];
    matmul(k, &w, 0..1, &act, &mut out, 1).unwrap();
    assert_eq!(out, [3.0, 7.0]);
    act.begin(ActKind::Q8, 2, 96).unwrap();
    let error = act.set_columns(k, 0, 5, &[0.0; 10]).unwrap_err().to_string();
    assert_eq!(error, "the number of columns is 5, but must be a multiple of 32");
    assert!(act.set_columns(k, 32, 32, &[0.0; 64]).is_err(), "the first ones come first");
    assert!(act.set_columns(k, 0, 128, &[0.0; 256]).is_err(), "so many there are not");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any bytes are some matrix: no level panics, and all agree.
    #[test]
    fn arbitrary_bytes_multiply_alike(
        seed in any::<u64>(),
        format in 4usize..Format::ALL.len(),
        rows in 1usize..40,
        blocks in 1usize..6,
        tokens in 1usize..20,
    ) {
        let format = Format::ALL[format];
        let cols = blocks * format.block_len();
        let mut random = crate::material::Random::new(seed);
        let bytes = random.bytes(rows * format.row_bytes(cols).unwrap());
        let packed = PackedMatrix::pack(format, rows, cols, &bytes).unwrap();
        let x = random.bells(tokens * cols);
        let mut first: Option<Vec<f32>> = None;
        for kernels in Kernels::available() {
            let mut act = Activations::with_capacity(tokens, cols);
            act.set(kernels, ActKind::Q8, &x, tokens, cols).unwrap();
            let mut out = vec![0.0; tokens * rows];
            matmul(kernels, &packed, 0..packed.groups(), &act, &mut out, rows).unwrap();
            let first = first.get_or_insert_with(|| out.clone());
            for (a, b) in first.iter().zip(&out) {
                prop_assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
            }
        }
    }
}
