//! A cache that lies in blocks of its own for every chunk.

use std::slice::from_ref;

use half::f16;
use pricket_simd::{ATTENTION_CHUNK, Attended, AttentionSpace, AttentionTile, KEY_BLOCK};

use super::{Scene, attend, blocks, scene};
use crate::material::{bits, levels};

/// Where a cache lies in blocks of a chunk each, a block's positions begin at `first`.
#[test]
fn a_cache_in_pieces_gives_the_bits_of_the_whole() {
    let (width, rows, positions) = (40, 9, 2 * ATTENTION_CHUNK + 44);
    for window in [None, Some(50), Some(200)] {
        let scene = Scene { window, ..scene(width, rows, positions) };
        let keys = blocks(&scene.keys, width, f16::NAN);
        for kernels in levels() {
            let kept = (&keys[..], &scene.values[..]);
            let span = 0..positions;
            let whole = attend(kernels, &scene, kept, 0..rows, from_ref(&span), false);
            let mut space = AttentionSpace::default();
            let (mut sums, mut peaks) = (vec![f32::NAN; rows * width], vec![f32::NAN; rows]);
            let mut totals = vec![0.0; rows];
            let mut state = Attended { sums: &mut sums, peaks: &mut peaks, totals: &mut totals };
            for first in (0..positions).step_by(ATTENTION_CHUNK) {
                let end = positions.min(first + ATTENTION_CHUNK);
                let key_end = end.next_multiple_of(KEY_BLOCK) * width;
                let tile = AttentionTile {
                    queries: &scene.queries,
                    width,
                    value_width: width,
                    visible: &scene.visible,
                    window,
                    first,
                    keys: &keys[first * width..key_end],
                    values: &scene.values[first * width..end * width],
                    scale: 1.0 / (width as f32).sqrt(),
                    softcap: None,
                };
                let span = first..first + ATTENTION_CHUNK;
                kernels.attend(&tile, span, &mut space, &mut state).unwrap();
            }
            kernels.finish_attended(&mut state, width).unwrap();
            assert_eq!(bits(&sums), bits(&whole), "{} {window:?}", kernels.level());
        }
    }
}
