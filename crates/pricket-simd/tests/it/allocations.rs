//! Nothing allocates once the buffers are made.

use std::alloc::System;

use half::f16;
use pricket_simd::{
    Activations, Attended, AttentionSpace, AttentionTile, Format, Kernels, PackedMatrix, Packer,
    RopePairing, matmul, packed_bytes,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::material::{Kind, Random, levels, this_program, weights};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The counter sees every thread, so the count is taken in a process of its own.
const COUNT_HERE: &str = "PRICKET_SIMD_COUNT";

#[test]
fn a_token_allocates_nothing() {
    if std::env::var_os(COUNT_HERE).is_some() {
        return;
    }
    let output = this_program()
        .args(["--exact", "allocations::count_a_token", "--nocapture", "--test-threads=1"])
        .env(COUNT_HERE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("counted every level"), "{text}");
}

#[test]
fn count_a_token() {
    if std::env::var_os(COUNT_HERE).is_none() {
        return;
    }
    for kernels in levels() {
        for format in Format::ALL {
            // The test harness's own thread may allocate meanwhile; what a token allocates, it
            // allocates every time.
            let least = (0..5).map(|_| count(kernels, format)).min();
            assert_eq!(least, Some(0), "{} {format}", kernels.level());
        }
    }
    eprintln!("counted every level");
}

/// Every operation of a forward pass, for prompts and single tokens in turn, within capacity: how
/// often anything is allocated.
fn count(kernels: &Kernels, format: Format) -> usize {
    let mut random = Random::new(1);
    let (rows, cols) = (40, 512);
    let bytes = weights(format, rows, cols, Kind::Random, &mut random);
    let w = PackedMatrix::pack(format, rows, cols, &bytes).unwrap();
    let x = random.bells(20 * cols);
    let mut act = Activations::with_capacity(20, cols);
    let mut out = vec![0.0f32; 20 * rows];
    let mut head = vec![1.0f32; cols];
    let cache = vec![f16::ONE; 32 * cols];
    let mut space = AttentionSpace::with_widths(cols, cols);
    let mut attended = vec![0.0f32; cols];
    let mut best = Vec::with_capacity(40);
    let mut part = vec![0.0f32; cols];
    let mut halves = vec![f16::ZERO; cols];
    let mut packer = Packer::new([(format, rows, cols)]).unwrap();
    let region = Region::new(GLOBAL);
    for piece in packer.pieces(1) {
        let bytes = &bytes[piece.offset() as usize..][..piece.bytes()];
        piece.pack(bytes).unwrap();
    }
    for tokens in [20, 1, 7, 1, 20] {
        let x = &x[..tokens * cols];
        act.begin(w.activation_kind(), tokens, cols).unwrap();
        act.set_columns(kernels, 0, 64, &x[..64 * tokens]).unwrap();
        act.set(kernels, w.activation_kind(), x, tokens, cols).unwrap();
        matmul(kernels, &w, 0..3, &act, &mut out, rows).unwrap();
        w.row_into(7, &mut head).unwrap();
        kernels.rms_norm(&x[..cols], &x[..cols], 1e-5, &mut head).unwrap();
        kernels.rope(&mut head, &x[..64], &x[..64], RopePairing::Half).unwrap();
        let tile = AttentionTile {
            queries: &head,
            width: cols,
            value_width: cols,
            visible: &[20],
            window: None,
            first: 0,
            keys: &cache,
            values: &cache,
            scale: 0.1,
            softcap: None,
        };
        let (sums, peaks, totals) = (&mut attended[..], &mut [0.0][..], &mut [0.0][..]);
        let mut state = Attended { sums, peaks, totals };
        kernels.attend(&tile, 0..20, &mut space, &mut state).unwrap();
        let (peaks, totals) = (&mut [0.0][..], &mut [0.0][..]);
        let more = Attended { sums: &mut part, peaks, totals };
        kernels.merge_attended(&mut state, &more, cols).unwrap();
        kernels.sink_attended(&mut state, &[0.5], cols).unwrap();
        kernels.finish_attended(&mut state, cols).unwrap();
        kernels.silu_mul(&x[..cols], &x[..cols], &mut part).unwrap();
        kernels.add_assign(&mut part, &x[..cols]).unwrap();
        kernels.narrow(&x[..cols], &mut halves).unwrap();
        kernels.fetch(&w, 1, 64, 4096);
        kernels.fetch(&w, 7, usize::MAX, usize::MAX);
        kernels.softmax(&mut head).unwrap();
        kernels.top_k(&head, 40, &mut best).unwrap();
    }
    let change = region.change();
    change.allocations + change.reallocations
}

#[test]
fn a_matrix_takes_the_bytes_that_are_told_before() {
    for format in Format::ALL {
        for (rows, cols) in [(1, 256), (16, 512), (53, 768)] {
            let bytes = weights(format, rows, cols, Kind::Random, &mut Random::new(2));
            let matrix = PackedMatrix::pack(format, rows, cols, &bytes).unwrap();
            assert_eq!(matrix.bytes(), packed_bytes(format, rows, cols).unwrap(), "{format}");
        }
    }
}
