//! Attention: every level against the definition, and against itself however the work is cut.

mod pieces;

use std::ops::Range;
use std::slice::from_ref;

use half::f16;
use pricket_simd::{
    ATTENTION_CHUNK, Attended, AttentionSpace, AttentionTile, KEY_BLOCK, Kernels, KvElement, Level,
    kv_lines, reference, write_key_lines, write_value_lines,
};

use crate::material::{Random, bits, close, levels, wide};

/// Scores here have a size of about 3, and the products of up to 256 dimensions are added one after
/// the other: each may err by a few units in the last place of that, and the softmax passes it on.
const BOUND: f64 = 2e-5;

/// Queries, keys and values, as numbers that halves can hold.
struct Scene {
    width: usize,
    queries: Vec<f32>,
    visible: Vec<usize>,
    window: Option<usize>,
    softcap: Option<f32>,
    /// Of one row after the other, over and over; none where it is empty.
    sinks: Vec<f32>,
    /// (positions, width)
    keys: Vec<f16>,
    values: Vec<f16>,
}

/// Rows of which two each see as much, the last two all positions and each pair before them one
/// fewer, as the tokens of a prompt do.
fn scene(width: usize, rows: usize, positions: usize) -> Scene {
    let mut random = Random::new((width * 100_000 + rows * 10_000 + positions) as u64);
    let halves = |values: Vec<f32>| values.into_iter().map(f16::from_f32).collect();
    Scene {
        width,
        queries: random.bells(rows * width).iter().map(|v| v * 3.0).collect(),
        visible: (0..rows).map(|r| positions.saturating_sub((rows - 1 - r) / 2).max(1)).collect(),
        window: None,
        softcap: None,
        sinks: Vec::new(),
        keys: halves(random.bells(positions * width)),
        values: halves(random.bells(positions * width)),
    }
}

/// Keys as the kernels want them; what fills the last block is not a number.
fn blocks<K: Copy>(keys: &[K], width: usize, filler: K) -> Vec<K> {
    let positions = keys.len() / width;
    let mut out = vec![filler; positions.div_ceil(KEY_BLOCK) * KEY_BLOCK * width];
    for (position, key) in keys.chunks(width).enumerate() {
        for (d, value) in key.iter().enumerate() {
            let block = position / KEY_BLOCK * width * KEY_BLOCK;
            out[block + d * KEY_BLOCK + position % KEY_BLOCK] = *value;
        }
    }
    out
}

/// Attends span after span, all rows or some of them, each span into a state of its own where
/// `apart`.
fn attend<K: KvElement>(
    kernels: &Kernels,
    scene: &Scene,
    (keys, values): (&[K], &[K]),
    rows: Range<usize>,
    spans: &[Range<usize>],
    apart: bool,
) -> Vec<f32> {
    let width = scene.width;
    let tile = AttentionTile {
        queries: &scene.queries[rows.start * width..rows.end * width],
        width,
        value_width: width,
        visible: &scene.visible[rows.clone()],
        window: scene.window,
        first: 0,
        keys,
        values,
        scale: 1.0 / (width as f32).sqrt(),
        softcap: scene.softcap,
    };
    let mut space = AttentionSpace::default();
    let count = rows.len();
    let (mut sums, mut peaks) = (vec![f32::NAN; count * width], vec![f32::NAN; count]);
    let mut totals = vec![0.0; count];
    let mut state = Attended { sums: &mut sums, peaks: &mut peaks, totals: &mut totals };
    for span in spans {
        if apart {
            let (mut sums, mut peaks) = (vec![f32::NAN; count * width], vec![f32::NAN; count]);
            let mut totals = vec![0.0; count];
            let mut part = Attended { sums: &mut sums, peaks: &mut peaks, totals: &mut totals };
            kernels.attend(&tile, span.clone(), &mut space, &mut part).unwrap();
            kernels.merge_attended(&mut state, &part, width).unwrap();
        } else {
            kernels.attend(&tile, span.clone(), &mut space, &mut state).unwrap();
        }
    }
    if !scene.sinks.is_empty() {
        let sinks: Vec<f32> =
            scene.sinks.iter().cycle().skip(rows.start).take(count).copied().collect();
        kernels.sink_attended(&mut state, &sinks, width).unwrap();
    }
    kernels.finish_attended(&mut state, width).unwrap();
    sums
}

fn defined(scene: &Scene) -> Vec<f64> {
    let width = scene.width;
    let numbers = |x: &[f16], count: usize| -> Vec<Vec<f64>> {
        x.chunks(width).take(count).map(|row| row.iter().map(|v| v.to_f64()).collect()).collect()
    };
    let scale = 1.0 / (width as f64).sqrt();
    let rows = scene.queries.chunks(width).zip(&scene.visible).enumerate();
    rows.flat_map(|(row, (query, &seen))| {
        let (mut keys, mut values) = (numbers(&scene.keys, seen), numbers(&scene.values, seen));
        let hidden = scene.window.map_or(0, |window| seen.saturating_sub(window));
        keys.drain(..hidden);
        values.drain(..hidden);
        let sink = scene.sinks.iter().cycle().nth(row).map(|sink| f64::from(*sink));
        let softcap = scene.softcap.map(f64::from);
        reference::attend(&wide(query), &keys, &values, scale, softcap, sink)
    })
    .collect()
}

#[test]
fn every_level_agrees_with_the_definition_and_with_every_other_to_the_bit() {
    let scalar = Kernels::at(Level::Scalar).unwrap();
    for width in [1, 8, 16, 24, 64, 80, 96, 128, 160, 256] {
        for (rows, positions) in
            [(1, 1), (3, 2), (4, 17), (5, 130), (8, 33), (11, 300), (24, 129), (70, 150)]
        {
            let scene = scene(width, rows, positions);
            let plain = defined(&scene);
            let all = 0..rows;
            let whole = 0..positions;
            let keys = blocks(&scene.keys, width, f16::NAN);
            let floats = |x: &[f16]| -> Vec<f32> { x.iter().map(|v| v.to_f32()).collect() };
            let (wide_keys, wide_values) = (floats(&keys), floats(&scene.values));
            let halves = (&keys[..], &scene.values[..]);
            let singles = (&wide_keys[..], &wide_values[..]);
            let first = attend(scalar, &scene, halves, all.clone(), from_ref(&whole), false);
            for kernels in levels() {
                let what = format!("{} width {width} rows {rows}/{positions}", kernels.level());
                let ours = attend(kernels, &scene, halves, all.clone(), from_ref(&whole), false);
                close(&ours, &plain, BOUND, &what);
                assert_eq!(bits(&ours), bits(&first), "{what}");
                let ours = attend(kernels, &scene, singles, all.clone(), from_ref(&whole), false);
                assert_eq!(bits(&ours), bits(&first), "singles that halves hold: {what}");
            }
        }
    }
}

/// Windows shorter than a block, as long as a chunk, and longer than all; caps that bite.
#[test]
fn a_row_sees_no_more_than_its_window_and_its_scores_are_capped() {
    let scalar = Kernels::at(Level::Scalar).unwrap();
    for (width, rows, positions) in [(64, 4, 17), (80, 13, 300), (16, 70, 150)] {
        for window in [None, Some(1), Some(5), Some(ATTENTION_CHUNK), Some(131), Some(1000)] {
            for softcap in [None, Some(2.0), Some(50.0)] {
                let mut scene = scene(width, rows, positions);
                (scene.window, scene.softcap) = (window, softcap);
                let plain = defined(&scene);
                let keys = blocks(&scene.keys, width, f16::NAN);
                let halves = (&keys[..], &scene.values[..]);
                let span = 0..positions;
                let first = attend(scalar, &scene, halves, 0..rows, from_ref(&span), false);
                for kernels in levels() {
                    let what = format!("{} {width} {rows}/{positions}", kernels.level());
                    let what = format!("{what} window {window:?} cap {softcap:?}");
                    let ours = attend(kernels, &scene, halves, 0..rows, from_ref(&span), false);
                    close(&ours, &plain, BOUND, &what);
                    assert_eq!(bits(&ours), bits(&first), "{what}");
                }
            }
        }
    }
}

/// Sinks far below the scores, among them and far above; with windows, in parts and rows apart.
#[test]
fn a_sink_takes_weight_and_gives_nothing() {
    let scalar = Kernels::at(Level::Scalar).unwrap();
    for (width, rows, positions) in [(64, 4, 17), (80, 12, 300), (16, 72, 150)] {
        for window in [None, Some(5), Some(131)] {
            let mut scene = scene(width, rows, positions);
            scene.window = window;
            let keys = blocks(&scene.keys, width, f16::NAN);
            let whole = 0..positions;
            let plain =
                attend(scalar, &scene, (&keys, &scene.values), 0..rows, from_ref(&whole), false);
            scene.sinks = vec![-100.0, 1.5, 4.0, 60.0];
            let halves = (&keys[..], &scene.values[..]);
            let expected = defined(&scene);
            let first = attend(scalar, &scene, halves, 0..rows, from_ref(&whole), false);
            // What has no weight changes nothing, and what has all of it leaves nothing.
            assert_eq!(bits(&first[..width]), bits(&plain[..width]));
            assert!(first[3 * width..4 * width].iter().all(|value| value.abs() < 1e-15));
            let chunks: Vec<Range<usize>> = (0..positions)
                .step_by(ATTENTION_CHUNK)
                .map(|start| start..start + ATTENTION_CHUNK)
                .collect();
            for kernels in levels() {
                let what = format!("{} {width} {rows}/{positions} {window:?}", kernels.level());
                let ours = attend(kernels, &scene, halves, 0..rows, from_ref(&whole), false);
                close(&ours, &expected, BOUND, &what);
                assert_eq!(bits(&ours), bits(&first), "{what}");
                let apart = attend(kernels, &scene, halves, 0..rows, &chunks, true);
                assert_eq!(bits(&apart), bits(&first), "{what}, in parts");
                let last = attend(kernels, &scene, halves, rows - 1..rows, &chunks, true);
                assert_eq!(bits(&last), bits(&first[(rows - 1) * width..]), "{what}, alone");
            }
        }
    }
}

/// Keys of one width and values of another.
#[test]
fn values_may_be_narrower_or_wider_than_keys() {
    let (rows, positions) = (9, 140);
    for (width, value_width) in [(48, 32), (32, 80), (24, 7)] {
        let (of_keys, of_values) =
            (scene(width, rows, positions), scene(value_width, rows, positions));
        let numbers = |x: &[f16], width: usize, count: usize| -> Vec<Vec<f64>> {
            let rows = x.chunks(width).take(count);
            rows.map(|row| row.iter().map(|v| v.to_f64()).collect()).collect()
        };
        let queries = of_keys.queries.chunks(width).zip(&of_keys.visible);
        let plain: Vec<f64> = queries
            .flat_map(|(query, &seen)| {
                let keys = numbers(&of_keys.keys, width, seen);
                let values = numbers(&of_values.values, value_width, seen);
                reference::attend(&wide(query), &keys, &values, 0.2, None, None)
            })
            .collect();
        let keys = blocks(&of_keys.keys, width, f16::NAN);
        for kernels in levels() {
            let tile = AttentionTile {
                queries: &of_keys.queries,
                width,
                value_width,
                visible: &of_keys.visible,
                window: None,
                first: 0,
                keys: &keys,
                values: &of_values.values,
                scale: 0.2,
                softcap: None,
            };
            let mut sums = vec![f32::NAN; rows * value_width];
            let (mut peaks, mut totals) = (vec![0.0; rows], vec![0.0; rows]);
            let mut state = Attended { sums: &mut sums, peaks: &mut peaks, totals: &mut totals };
            let mut space = AttentionSpace::with_widths(width, value_width);
            kernels.attend(&tile, 0..positions, &mut space, &mut state).unwrap();
            kernels.finish_attended(&mut state, value_width).unwrap();
            close(&sums, &plain, BOUND, &format!("{} {width}/{value_width}", kernels.level()));
        }
    }
}

/// Eight bits: what is kept is the nearest number, and attention is that of the numbers kept.
#[test]
fn a_cache_of_eight_bits_attends_to_what_it_keeps() {
    for (width, rows, positions) in [(32, 1, 1), (64, 5, 130), (96, 24, 129), (128, 70, 300)] {
        let scene = scene(width, rows, positions);
        let lines = kv_lines(width, positions).unwrap();
        let (mut keys, mut values) = (vec![[0i8; 16]; lines], vec![[0i8; 16]; lines]);
        let floats = |x: &[f16]| -> Vec<f32> { x.iter().map(|v| v.to_f32()).collect() };
        let kept = |row: &[f32]| -> Vec<f32> {
            let parts = row.chunks(32).flat_map(|part| {
                let most = part.iter().fold(0.0f32, |most, v| most.max(v.abs()));
                let scale = f16::from_f32(most / 127.0).to_f32();
                let unit = 1.0 / scale;
                part.iter().map(move |v| {
                    let kept = (v * unit).round_ties_even().clamp(-127.0, 127.0) * scale;
                    assert!((kept - v).abs() <= 0.53 * scale, "{v} is kept as {kept}");
                    kept
                })
            });
            parts.collect()
        };
        let (mut kept_keys, mut kept_values) = (Vec::new(), Vec::new());
        let pairs = scene.keys.chunks(width).zip(scene.values.chunks(width));
        for (position, (key, value)) in pairs.enumerate() {
            let (key, value) = (floats(key), floats(value));
            write_key_lines(&mut keys, position, &key).unwrap();
            write_value_lines(&mut values, position, &value).unwrap();
            kept_keys.extend(kept(&key));
            kept_values.extend(kept(&value));
        }
        let kept_keys = blocks(&kept_keys, width, f32::NAN);
        let singles = (&kept_keys[..], &kept_values[..]);
        for kernels in levels() {
            let span = 0..positions;
            let want = attend(kernels, &scene, singles, 0..rows, from_ref(&span), false);
            let cache = (&keys[..], &values[..]);
            let ours = attend(kernels, &scene, cache, 0..rows, from_ref(&span), false);
            assert_eq!(bits(&ours), bits(&want), "{} {width} {rows}", kernels.level());
        }
    }
}

/// A number that eight bits cannot keep spoils its own position and no other.
#[test]
fn what_eight_bits_cannot_keep_is_not_a_number() {
    let mut scene = scene(32, 4, 20);
    scene.visible = vec![18, 19, 20, 20];
    let lines = kv_lines(32, 20).unwrap();
    let (mut keys, mut values) = (vec![[0i8; 16]; lines], vec![[0i8; 16]; lines]);
    for position in 0..20 {
        let mut value = [2.0; 32];
        if position == 19 {
            value[3] = f32::NEG_INFINITY;
        }
        write_key_lines(&mut keys, position, &[0.5; 32]).unwrap();
        write_value_lines(&mut values, position, &value).unwrap();
    }
    for kernels in levels() {
        let out = attend(kernels, &scene, (&keys, &values), 0..4, from_ref(&(0..20)), false);
        assert!(out[..64].iter().all(|v| (v - 2.0).abs() < 1e-2), "rows that do not see it");
        assert!(out[64..].iter().all(|v| v.is_nan()), "rows that do");
    }
}

#[test]
fn neither_the_cut_of_rows_nor_that_of_positions_changes_a_bit() {
    let (width, rows, positions) = (64, 13, 3 * ATTENTION_CHUNK + 40);
    let scene = scene(width, rows, positions);
    let keys = blocks(&scene.keys, width, f16::INFINITY);
    let cache = (&keys[..], &scene.values[..]);
    let whole = 0..positions;
    let chunks: Vec<Range<usize>> = (0..positions)
        .step_by(ATTENTION_CHUNK)
        .map(|start| start..start + ATTENTION_CHUNK)
        .collect();
    for kernels in levels() {
        let together = attend(kernels, &scene, cache, 0..rows, from_ref(&whole), false);
        for apart in [false, true] {
            let cut = attend(kernels, &scene, cache, 0..rows, &chunks, apart);
            assert_eq!(bits(&cut), bits(&together), "{} apart {apart}", kernels.level());
        }
        for size in [1, 2, 3, 4, 5, 8] {
            let starts = (0..rows).step_by(size);
            let cut: Vec<f32> = starts
                .flat_map(|start| {
                    let part = start..rows.min(start + size);
                    attend(kernels, &scene, cache, part, &chunks, true)
                })
                .collect();
            assert_eq!(bits(&cut), bits(&together), "{} rows by {size}", kernels.level());
        }
    }
}

#[test]
fn what_is_not_a_number_stays_so() {
    for kernels in levels() {
        let mut scene = scene(32, 4, 200);
        scene.queries[5] = f32::NAN;
        let keys = blocks(&scene.keys, 32, f16::ZERO);
        let span = 0..200;
        let out =
            attend(kernels, &scene, (&keys[..], &scene.values[..]), 0..4, from_ref(&span), false);
        assert!(out[..32].iter().all(|v| v.is_nan()), "the row of the NaN");
        assert!(out[32..].iter().all(|v| v.is_finite()), "the others");
    }
}

/// A value that no number is big enough for, in positions that some rows do not see.
#[test]
fn what_a_row_does_not_see_does_not_touch_it() {
    for kernels in levels() {
        for (width, rows, positions) in [(8, 4, 2), (64, 11, 20), (80, 24, 140)] {
            let mut scene = scene(width, rows, positions);
            for (index, value) in scene.values.iter_mut().enumerate() {
                let position = index / width;
                if position + 1 == positions {
                    *value = if index % 2 == 0 { f16::INFINITY } else { f16::NAN };
                }
            }
            let keys = blocks(&scene.keys, width, f16::NAN);
            let halves = (&keys[..], &scene.values[..]);
            let whole = attend(kernels, &scene, halves, 0..rows, from_ref(&(0..positions)), false);
            for row in 0..rows {
                let alone = scene.visible[row];
                let own = row..row + 1;
                let seen = attend(kernels, &scene, halves, own, from_ref(&(0..alone)), false);
                let found = &whole[row * width..(row + 1) * width];
                assert_eq!(bits(found), bits(&seen), "{} row {row}", kernels.level());
                let is_finite = found.iter().all(|value| value.is_finite());
                assert_eq!(is_finite, alone < positions, "{} row {row}", kernels.level());
            }
        }
    }
}
