//! Operations on vectors: every level against the definition, and against each other bit by bit.

use half::f16;
use pricket_simd::{Kernels, Level, RopePairing, SimdError, reference};

use crate::material::{Random, bits, close, levels, wide};

/// Lengths around every multiple of a register.
const LENGTHS: [usize; 15] = [1, 2, 3, 15, 16, 17, 31, 33, 63, 64, 65, 127, 576, 1025, 4096];

/// Runs `operation` at every level and length; its result must meet the bound and have the same
/// bits at every level.
fn check(
    what: &str,
    bound: f64,
    operation: impl Fn(&Kernels, usize, &mut Random) -> (Vec<f32>, Vec<f64>),
) {
    for length in LENGTHS {
        let scalar = Kernels::at(Level::Scalar).unwrap();
        let (first, _) = operation(scalar, length, &mut Random::new(length as u64));
        for kernels in levels() {
            let (ours, plain) = operation(kernels, length, &mut Random::new(length as u64));
            let what = format!("{what} {} length {length}", kernels.level());
            close(&ours, &plain, bound, &what);
            assert_eq!(bits(&ours), bits(&first), "{what}");
        }
    }
}

#[test]
fn inner_products() {
    check("dot", 2e-5, |kernels, n, random| {
        let (a, b) = (random.bells(n), random.bells(n));
        let plain = reference::dot(&wide(&a), &wide(&b));
        (vec![kernels.dot(&a, &b).unwrap()], vec![plain])
    });
}

#[test]
fn sums_products_and_scales() {
    check("add_assign", 1e-7, |kernels, n, random| {
        let (mut a, b) = (random.bells(n), random.bells(n));
        let plain = a.iter().zip(&b).map(|(a, b)| f64::from(*a) + f64::from(*b)).collect();
        kernels.add_assign(&mut a, &b).unwrap();
        (a, plain)
    });
    check("axpy", 1e-7, |kernels, n, random| {
        let (mut a, b) = (random.bells(n), random.bells(n));
        let plain = a.iter().zip(&b).map(|(a, b)| f64::from(*a) + 0.3f32 as f64 * f64::from(*b));
        let plain = plain.collect();
        kernels.axpy(&mut a, 0.3, &b).unwrap();
        (a, plain)
    });
    check("scale", 1e-7, |kernels, n, random| {
        let mut a = random.bells(n);
        let plain = a.iter().map(|a| f64::from(*a) * f64::from(1.7f32)).collect();
        kernels.scale(&mut a, 1.7);
        (a, plain)
    });
}

#[test]
fn norms() {
    check("rms_norm", 1e-6, |kernels, n, random| {
        let (x, w) = (random.bells(n), random.bells(n));
        let mut out = vec![0.0; n];
        kernels.rms_norm(&x, &w, 1e-5, &mut out).unwrap();
        (out, reference::rms_norm(&wide(&x), &wide(&w), 1e-5f32 as f64))
    });
}

#[test]
fn norms_of_layers() {
    check("layer_norm", 1e-6, |kernels, n, random| {
        let (mut x, w, b) = (random.bells(n), random.bells(n), random.bells(n));
        for value in &mut x {
            *value += 0.5;
        }
        let wide = wide(&x);
        let mean = wide.iter().sum::<f64>() / n as f64;
        let variance = wide.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
        let plain = wide.iter().zip(w.iter().zip(&b)).map(|(v, (w, b))| {
            (v - mean) / (variance + f64::from(1e-5f32)).sqrt() * f64::from(*w) + f64::from(*b)
        });
        let plain = plain.collect();
        kernels.layer_norm(&mut x, &w, &b, 1e-5).unwrap();
        (x, plain)
    });
    let kernels = Kernels::scalar();
    let empty = kernels.layer_norm(&mut [], &[], &[], 1e-5);
    assert!(matches!(empty, Err(SimdError::Empty { .. })), "{empty:?}");
    let short = kernels.layer_norm(&mut [1.0, 2.0], &[1.0, 1.0], &[0.0], 1e-5);
    assert!(matches!(short, Err(SimdError::LengthMismatch { .. })), "{short:?}");
}

/// The error function by its series of positive terms (Abramowitz and Stegun, 7.1.6).
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..300 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
}

#[test]
fn gaussian_units() {
    let eighths: Vec<f32> = (-96..=96).map(|i| i as f32 / 8.0).collect();
    let exact = |x: f64| x / 2.0 * (1.0 + erf(x / 2.0f64.sqrt()));
    let by_tanh = |x: f64| {
        let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
        x / 2.0 * (1.0 + u.tanh())
    };
    for kernels in levels() {
        let (mut by_erf, mut with_tanh) = (eighths.clone(), eighths.clone());
        kernels.gelu(&mut by_erf);
        kernels.gelu_tanh(&mut with_tanh);
        for (index, &x) in eighths.iter().enumerate() {
            let x = f64::from(x);
            let bound = 2e-7 * x.abs().max(1.0);
            let (ours, plain) = (f64::from(by_erf[index]), exact(x));
            assert!((ours - plain).abs() <= bound, "{} gelu({x}) = {ours}", kernels.level());
            let (ours, plain) = (f64::from(with_tanh[index]), by_tanh(x));
            assert!((ours - plain).abs() <= bound, "{} gelu_tanh({x}) = {ours}", kernels.level());
        }
        let (mut first, mut second) = (eighths.clone(), eighths.clone());
        Kernels::scalar().gelu(&mut first);
        Kernels::scalar().gelu_tanh(&mut second);
        assert_eq!((bits(&by_erf), bits(&with_tanh)), (bits(&first), bits(&second)));
        let mut far = [1e30, f32::INFINITY, f32::NAN, -1e30];
        kernels.gelu(&mut far);
        assert_eq!((far[0], far[1]), (1e30, f32::INFINITY));
        assert!(far[2].is_nan() && far[3] == 0.0, "{far:?}");
    }
}

#[test]
fn gates() {
    check("silu_mul", 1e-6, |kernels, n, random| {
        let g: Vec<f32> = random.bells(n).iter().map(|v| v * 8.0).collect();
        let u = random.bells(n);
        let mut out = vec![0.0; n];
        kernels.silu_mul(&g, &u, &mut out).unwrap();
        (out, reference::silu_mul(&wide(&g), &wide(&u)))
    });
    check("gelu_mul", 1e-6, |kernels, n, random| {
        let g: Vec<f32> = random.bells(n).iter().map(|v| v * 3.0).collect();
        let u = random.bells(n);
        let mut out = vec![0.0; n];
        kernels.gelu_mul(&g, &u, &mut out).unwrap();
        (out, reference::gelu_mul(&wide(&g), &wide(&u)))
    });
    check("bounded_mul", 1e-6, |kernels, n, random| {
        let scaled = |x: Vec<f32>| -> Vec<f32> { x.iter().map(|v| v * 5.0).collect() };
        let (g, u) = (scaled(random.bells(n)), scaled(random.bells(n)));
        let mut out = vec![0.0; n];
        kernels.bounded_mul(&g, &u, [1.702, 7.0], &mut out).unwrap();
        let (alpha, limit) = (f64::from(1.702f32), 7.0);
        (out, reference::bounded_mul(&wide(&g), &wide(&u), alpha, limit))
    });
    for kernels in levels() {
        let mut out = [0.0; 4];
        kernels
            .bounded_mul(
                &[-1e4, 100.0, 1e4, f32::NAN],
                &[9.0, -9.0, 9.0, 1.0],
                [2.0, 5.0],
                &mut out,
            )
            .unwrap();
        assert!(out[0].abs() < 1e-30 && out[3].is_nan(), "{out:?}");
        assert!((out[1] + 20.0).abs() < 2e-3 && (out[2] - 30.0).abs() < 2e-3, "{out:?}");
        kernels.gelu_mul(&[-1e4, -100.0, 100.0, 1e4], &[1.0; 4], &mut out).unwrap();
        assert!(out[0].abs() < 1e-30 && out[1].abs() < 1e-30, "{out:?}");
        assert_eq!((out[2], out[3]), (100.0, 1e4));
        kernels.silu_mul(&[-1e4, -100.0, 100.0, 1e4], &[1.0; 4], &mut out).unwrap();
        assert!(out[0].abs() < 1e-30 && out[1].abs() < 1e-30, "{out:?}");
        assert_eq!((out[2], out[3]), (100.0, 1e4));
    }
}

/// Small values keep their own precision: a cap of 50 passes scores near 0 almost unchanged.
#[test]
fn caps() {
    for (cap, reach) in [(50.0_f32, 1e-3), (50.0, 20.0), (2.0, 3.0), (30.0, 500.0)] {
        check("soft_cap", 1e-6 * f64::from(cap.max(1.0)).sqrt(), |kernels, n, random| {
            let mut x: Vec<f32> = random.bells(n).iter().map(|v| v * reach).collect();
            let plain = reference::soft_cap(&wide(&x), f64::from(cap));
            kernels.soft_cap(&mut x, cap).unwrap();
            let errors = x.iter().zip(&plain).map(|(x, plain)| (f64::from(*x) - plain).abs());
            let relative = errors.zip(&plain).map(|(error, plain)| error / plain.abs());
            assert!(relative.fold(0.0, f64::max) < 1e-6, "{cap} {reach}");
            (x, plain)
        });
    }
    for kernels in levels() {
        let mut x = [f32::NEG_INFINITY, -1e30, 0.0, 1e30, f32::INFINITY, f32::NAN];
        kernels.soft_cap(&mut x, 30.0).unwrap();
        assert_eq!(x[..5], [-30.0, -30.0, 0.0, 30.0, 30.0]);
        assert!(x[5].is_nan());
        for cap in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let refused = kernels.soft_cap(&mut x, cap);
            assert!(matches!(refused, Err(SimdError::ParameterOutOfRange { .. })), "{cap}");
        }
    }
}

#[test]
fn probabilities() {
    check("softmax", 1e-6, |kernels, n, random| {
        let mut x: Vec<f32> = random.bells(n).iter().map(|v| v * 10.0).collect();
        let plain = reference::softmax(&wide(&x));
        kernels.softmax(&mut x).unwrap();
        (x, plain)
    });
}

#[test]
fn probabilities_of_a_large_vocabulary_add_up() {
    for kernels in levels() {
        let mut random = Random::new(5);
        let mut x: Vec<f32> = random.bells(163_840).iter().map(|v| v * 5.0).collect();
        x[7] = f32::NEG_INFINITY;
        let plain = reference::softmax(&wide(&x));
        kernels.softmax(&mut x).unwrap();
        let total: f64 = x.iter().map(|p| f64::from(*p)).sum();
        assert!((total - 1.0).abs() < 1e-5, "{total}");
        assert_eq!(x[7], 0.0);
        for (ours, plain) in x.iter().zip(&plain) {
            let error = (f64::from(*ours) - plain).abs();
            assert!(error <= 1e-6, "{ours} {plain}");
            // Relatively, too. A score of 40 below the greatest is rounded to steps of 4e-6.
            assert!(error <= plain * 4e-6, "{ours} {plain}");
        }
    }
}

#[test]
fn what_has_no_probabilities_is_an_error() {
    for kernels in levels() {
        assert!(matches!(kernels.softmax(&mut []), Err(SimdError::Empty { .. })));
        for n in [1, 16, 33] {
            for bad in [f32::NAN, f32::INFINITY] {
                for at in [0, n - 1] {
                    let mut x = vec![0.5; n];
                    x[at] = bad;
                    let refused = kernels.softmax(&mut x);
                    assert!(matches!(refused, Err(SimdError::NotFinite { .. })), "{bad} at {at}");
                    assert_eq!(x[at].to_bits(), bad.to_bits(), "nothing is written");
                }
            }
            let mut nothing = vec![f32::NEG_INFINITY; n];
            assert!(matches!(kernels.softmax(&mut nothing), Err(SimdError::NotFinite { .. })));
        }
    }
}

#[test]
fn the_first_of_equal_maxima_wins() {
    for kernels in levels() {
        for n in LENGTHS {
            let mut random = Random::new(n as u64);
            let mut x = random.bells(n);
            let first = n / 3;
            x[first] = 9.0;
            x[n - 1] = 9.0;
            assert_eq!(kernels.argmax(&x).unwrap(), first);
            assert_eq!(kernels.max(&x).unwrap(), 9.0);
            x[n / 2] = f32::NAN;
            assert!(matches!(kernels.argmax(&x), Err(SimdError::NotFinite { .. })));
        }
        assert_eq!(kernels.argmax(&[f32::NEG_INFINITY; 20]).unwrap(), 0);
        assert!(matches!(kernels.argmax(&[]), Err(SimdError::Empty { .. })));
    }
}

#[test]
fn rotations() {
    for pairing in [RopePairing::Half, RopePairing::Interleaved] {
        for extra in [0, 5] {
            check("rope", 1e-6, |kernels, n, random| {
                let mut head = random.bells(2 * n + extra);
                let angles = random.bells(n);
                let cos: Vec<f32> = angles.iter().map(|a| a.cos()).collect();
                let sin: Vec<f32> = angles.iter().map(|a| a.sin()).collect();
                let mut plain = wide(&head);
                reference::rope(&mut plain, &wide(&cos), &wide(&sin), pairing);
                kernels.rope(&mut head, &cos, &sin, pairing).unwrap();
                (head, plain)
            });
        }
    }
}

#[test]
fn halves_convert_exactly_and_round_to_even() {
    for kernels in levels() {
        let all: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        let mut singles = vec![0.0f32; all.len()];
        kernels.widen(&all, &mut singles).unwrap();
        for (half, single) in all.iter().zip(&singles) {
            let same = half.to_f32().to_bits() == single.to_bits();
            assert!(same || (half.is_nan() && single.is_nan()), "{half:?}");
        }
        let mut random = Random::new(3);
        for n in LENGTHS {
            let mut x: Vec<f32> = (0..n)
                .map(|_| f32::from_bits(random.bits() as u32))
                .filter(|v| !v.is_nan())
                .collect();
            x.extend([0.0, -0.0, 65_519.9, 65_520.0, 6e-8, 2.9e-8, 1.000_488_3]);
            let mut halves = vec![f16::ZERO; x.len()];
            kernels.narrow(&x, &mut halves).unwrap();
            for (x, half) in x.iter().zip(&halves) {
                assert_eq!(half.to_bits(), f16::from_f32(*x).to_bits(), "{x}");
            }
        }
    }
}
