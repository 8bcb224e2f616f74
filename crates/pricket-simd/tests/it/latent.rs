//! Attention whose values lie within its keys: the bits are those of values that are kept apart.

use half::f16;
use pricket_simd::{
    Attended, AttentionSpace, AttentionTile, KEY_BLOCK, Kernels, KvElement, SimdError, kv_lines,
    write_key_lines, write_value_lines,
};

use crate::material::{Random, bits, levels};

/// Rows of `width` numbers as blocks of positions; what fills the last block is not a number.
fn blocks<K: Copy>(rows: &[K], width: usize, filler: K) -> Vec<K> {
    let positions = rows.len() / width;
    let mut out = vec![filler; positions.next_multiple_of(KEY_BLOCK) * width];
    for (index, number) in rows.iter().enumerate() {
        let (position, d) = (index / width, index % width);
        let block = position / KEY_BLOCK * KEY_BLOCK * width;
        out[block + d * KEY_BLOCK + position % KEY_BLOCK] = *number;
    }
    out
}

/// The sums of every row, finished, over values of their own or, where there are none, within keys.
fn attended<K: KvElement>(kernels: &Kernels, tile: &AttentionTile<'_, K>) -> Vec<f32> {
    let (rows, width) = (tile.rows(), tile.value_width);
    let mut sums = vec![f32::NAN; rows * width];
    let (mut peaks, mut totals) = (vec![f32::NAN; rows], vec![0.0; rows]);
    let mut state = Attended { sums: &mut sums, peaks: &mut peaks, totals: &mut totals };
    let mut space = AttentionSpace::with_widths(tile.width, width);
    let span = 0..tile.visible.iter().copied().max().unwrap();
    if tile.values.is_empty() {
        kernels.attend_within(tile, span, &mut space, &mut state).unwrap();
    } else {
        kernels.attend(tile, span, &mut space, &mut state).unwrap();
    }
    kernels.finish_attended(&mut state, width).unwrap();
    sums
}

#[test]
fn values_within_keys_give_the_bits_of_values_kept_apart() {
    for (width, value_width) in [(48, 32), (64, 64), (40, 17), (96, 32), (576, 512)] {
        for (rows, positions) in [(1, 1), (5, 17), (16, 130), (70, 300)] {
            let mut random = Random::new((width * 1_000 + rows) as u64);
            let queries: Vec<f32> = random.bells(rows * width).iter().map(|v| v * 2.0).collect();
            let keys: Vec<f32> = random.bells(positions * width);
            let halves: Vec<f16> = keys.iter().map(|v| f16::from_f32(*v)).collect();
            let values: Vec<f32> =
                keys.chunks(width).flat_map(|key| key[..value_width].to_vec()).collect();
            let half_values: Vec<f16> = values.iter().map(|v| f16::from_f32(*v)).collect();
            let keys_in_blocks = blocks(&keys, width, f32::NAN);
            let halves_in_blocks = blocks(&halves, width, f16::NAN);
            let visible: Vec<usize> = (0..rows)
                .map(|row| (positions - (rows - 1 - row) / 4 % positions).max(1))
                .collect();
            for kernels in levels() {
                let what = format!("{} {width}/{value_width} {rows}", kernels.level());
                let apart = AttentionTile {
                    queries: &queries,
                    width,
                    value_width,
                    visible: &visible,
                    window: None,
                    first: 0,
                    keys: &keys_in_blocks,
                    values: &values,
                    scale: 0.1,
                    softcap: None,
                };
                let within = AttentionTile { values: &[], ..apart };
                assert_eq!(bits(&attended(kernels, &within)), bits(&attended(kernels, &apart)));
                let apart = apart.over(&halves_in_blocks, &half_values);
                let within = AttentionTile { values: &[], ..apart };
                let want = attended(kernels, &apart);
                assert_eq!(bits(&attended(kernels, &within)), bits(&want), "halves, {what}");
                if !width.is_multiple_of(32) || !value_width.is_multiple_of(32) {
                    continue;
                }
                let lines = |width| vec![[0i8; 16]; kv_lines(width, positions).unwrap()];
                let (mut key_lines, mut value_lines) = (lines(width), lines(value_width));
                for (position, key) in keys.chunks(width).enumerate() {
                    write_key_lines(&mut key_lines, position, key).unwrap();
                    write_value_lines(&mut value_lines, position, &key[..value_width]).unwrap();
                }
                let apart = apart.over(&key_lines, &value_lines);
                let within = AttentionTile { values: &[], ..apart };
                let want = attended(kernels, &apart);
                assert_eq!(bits(&attended(kernels, &within)), bits(&want), "eight bits, {what}");
            }
        }
    }
}

#[test]
fn values_wider_than_keys_and_keys_that_are_too_few_are_refused() {
    let (queries, keys) = ([1.0f32; 8], [1.0f32; 64]);
    let good = AttentionTile {
        queries: &queries,
        width: 4,
        value_width: 3,
        visible: &[3, 4],
        window: None,
        first: 0,
        keys: &keys,
        values: &[],
        scale: 1.0,
        softcap: None,
    };
    let run = |tile: &AttentionTile<'_, f32>, start| {
        let (mut sums, mut peaks, mut totals) =
            (vec![0.0; 2 * tile.value_width], [0.0; 2], [0.0; 2]);
        let mut state = Attended { sums: &mut sums, peaks: &mut peaks, totals: &mut totals };
        let kernels = levels()[0];
        kernels.attend_within(tile, start..4, &mut AttentionSpace::default(), &mut state)
    };
    run(&good, 0).unwrap();
    let wider = AttentionTile { value_width: 5, ..good };
    let fewer = AttentionTile { keys: &keys[..63], ..good };
    for tile in [wider, fewer] {
        assert!(matches!(run(&tile, 0), Err(SimdError::LengthMismatch { .. })));
    }
    assert!(matches!(run(&good, 1), Err(SimdError::ShapeUnsupported { .. })));
}
