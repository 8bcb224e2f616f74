//! Temperature, penalties, the best tokens, the nucleus.

use pricket_simd::{Candidate, Kernels, Penalties, SimdError, WEIGHT_BLOCK, nucleus_len};

use crate::material::{Random, levels};

/// The plain definition: sort everything.
fn sorted(logits: &[f32], k: usize) -> Vec<Candidate> {
    let mut all: Vec<Candidate> =
        (0u32..).zip(logits).map(|(token, score)| Candidate { token, score: *score }).collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.token.cmp(&b.token)));
    all.truncate(k);
    all
}

#[test]
fn the_best_tokens_are_those_of_a_full_sort() {
    let mut random = Random::new(1);
    for kernels in levels() {
        for count in [1, 2, 63, 64, 65, 1000, 50_000] {
            // A coarse grid, so that there are many ties.
            let logits: Vec<f32> =
                random.bells(count).iter().map(|v| (v * 20.0).round() / 4.0).collect();
            for k in [0, 1, 2, 5, 40, 64, 1000, 60_000] {
                let mut out = Vec::with_capacity(k);
                kernels.top_k(&logits, k, &mut out).unwrap();
                assert_eq!(out, sorted(&logits, k), "{count} {k}");
                assert!(out.capacity() <= k.max(4), "within the capacity nothing grows");
            }
        }
        let mut rising: Vec<f32> = (0..500).map(|i| i as f32).collect();
        let mut out = Vec::new();
        kernels.top_k(&rising, 7, &mut out).unwrap();
        assert_eq!(out, sorted(&rising, 7));
        rising[300] = f32::NAN;
        let refused = kernels.top_k(&rising, 7, &mut out);
        assert!(matches!(refused, Err(SimdError::NotFinite { .. })));
        assert!(out.is_empty());
        kernels.top_k(&[f32::NEG_INFINITY; 9], 3, &mut out).unwrap();
        assert_eq!(out.iter().map(|c| c.token).collect::<Vec<_>>(), [0, 1, 2]);
    }
}

#[test]
fn weights_are_exponentials_and_the_same_bits_at_every_level() {
    let mut random = Random::new(2);
    let (mut first, mut first_sums) = (Vec::new(), Vec::new());
    let (mut weights, mut sums) = (vec![7.0; 3], vec![7.0; 3]);
    for count in [0, 1, 15, WEIGHT_BLOCK - 1, WEIGHT_BLOCK, WEIGHT_BLOCK + 17, 50_000] {
        let mut logits: Vec<f32> = random.bells(count).iter().map(|v| v * 9.0).collect();
        if count > 15 {
            logits[3] = f32::NEG_INFINITY;
            logits[5] = -1e30;
            logits[7] = f32::NAN;
        }
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Kernels::scalar().weigh(&logits, max, 0.8, &mut first, &mut first_sums);
        assert_eq!((first.len(), first_sums.len()), (count, count.div_ceil(WEIGHT_BLOCK)));
        for (&logit, &weight) in logits.iter().zip(&first) {
            let expected = (f64::from((logit - max) * 0.8)).exp();
            if logit.is_nan() || expected < 1.2e-38 {
                assert_eq!(weight.to_bits(), 0, "{logit}");
            } else {
                let error = (f64::from(weight) / expected - 1.0).abs();
                assert!(error < 4.0 * f64::from(f32::EPSILON), "{logit}: {error}");
            }
        }
        for (block, &sum) in first.chunks(WEIGHT_BLOCK).zip(&first_sums) {
            let expected: f64 = block.iter().map(|&weight| f64::from(weight)).sum();
            assert!((sum - expected).abs() <= expected * 1e-6, "{sum} {expected}");
        }
        for kernels in levels() {
            kernels.weigh(&logits, max, 0.8, &mut weights, &mut sums);
            let bits = |list: &[f32]| list.iter().map(|w| w.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&weights), bits(&first), "{kernels:?} {count}");
            assert_eq!(sums, first_sums, "{kernels:?} {count}");
        }
    }
}

#[test]
fn the_nucleus_is_the_smallest_prefix() {
    let p = |scores: &[f32]| -> Vec<Candidate> {
        scores.iter().map(|score| Candidate { token: 0, score: *score }).collect()
    };
    let four = p(&[0.5, 0.25, 0.125, 0.125]);
    for (limit, expected) in
        [(0.0, 1), (0.5, 1), (0.51, 2), (0.75, 2), (0.876, 4), (1.0, 4), (2.0, 4)]
    {
        assert_eq!(nucleus_len(&four, limit), expected, "{limit}");
    }
    assert_eq!(nucleus_len(&[], 0.5), 0);
}

#[test]
fn penalties_follow_their_formulas_at_any_id() {
    let vocabulary = 163_840;
    let mut logits = vec![1.0f32; vocabulary];
    logits[1] = 2.0;
    logits[163_839] = -2.0;
    let penalties = Penalties { repetition: 2.0, frequency: 0.5, presence: 0.25 };
    penalties.apply(&mut logits, &[(1, 3), (163_839, 1), (5, 0)]).unwrap();
    assert_eq!(logits[1], 2.0 / 2.0 - 3.0 * 0.5 - 0.25);
    assert_eq!(logits[163_839], -2.0 * 2.0 - 0.5 - 0.25);
    assert_eq!(logits[5], 1.0, "a token that was not said keeps its logit");
    assert_eq!(logits.iter().filter(|v| **v != 1.0).count(), 2);
    let before = logits.clone();
    let none = Penalties::default();
    none.apply(&mut logits, &[(1, 9), (7, 2)]).unwrap();
    assert_eq!(logits, before);
    let outside = penalties.apply(&mut logits, &[(1, 1), (163_840, 1)]);
    assert!(matches!(outside, Err(SimdError::OutOfRange { found: 163_840, .. })));
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let refused = Penalties { repetition: bad, ..none }.apply(&mut logits, &[(1, 1)]);
        assert!(matches!(refused, Err(SimdError::ParameterOutOfRange { .. })), "{bad}");
    }
    assert_eq!(logits, before, "a refused penalty writes nothing");
}

#[test]
fn a_temperature_divides() {
    let kernels = Kernels::detect().unwrap();
    let mut logits = [1.0, -2.0, f32::NEG_INFINITY];
    kernels.scale_temperature(&mut logits, 0.5).unwrap();
    assert_eq!(logits, [2.0, -4.0, f32::NEG_INFINITY]);
    for bad in [0.0, -0.5, f32::NAN, f32::INFINITY] {
        let refused = kernels.scale_temperature(&mut logits, bad);
        assert!(matches!(refused, Err(SimdError::ParameterOutOfRange { .. })), "{bad}");
    }
}
