//! Cosine, inner product and distance against f64.

use pricket_simd::{SimdError, reference};

use crate::material::{Random, levels, wide};

#[test]
fn similarities_are_within_a_hundred_thousandth() {
    for kernels in levels() {
        for n in (1..70).chain([127, 384, 768, 1024, 4095, 4096]) {
            let mut random = Random::new(n as u64);
            let (a, b) = (random.bells(n), random.bells(n));
            let (wa, wb) = (wide(&a), wide(&b));
            let near = |ours: f32, plain: f64, size: f64| {
                let error = (f64::from(ours) - plain).abs();
                assert!(error <= 1e-5 * size, "{} {n}: {ours} {plain}", kernels.level());
            };
            near(kernels.cosine(&a, &b).unwrap(), reference::cosine(&wa, &wb), 1.0);
            near(kernels.cosine(&a, &a).unwrap(), 1.0, 1.0);
            let size = (reference::dot(&wa, &wa) * reference::dot(&wb, &wb)).sqrt();
            near(kernels.dot(&a, &b).unwrap(), reference::dot(&wa, &wb), size);
            let distance = reference::distance(&wa, &wb);
            near(kernels.distance(&a, &b).unwrap(), distance, distance);
        }
    }
}

#[test]
fn one_against_many_is_each_alone() {
    for kernels in levels() {
        let mut random = Random::new(1);
        let (query, rows) = (random.bells(37), random.bells(37 * 9));
        let (mut cosines, mut dots) = ([0.0; 9], [0.0; 9]);
        kernels.cosines(&query, &rows, &mut cosines).unwrap();
        kernels.dots(&query, &rows, &mut dots).unwrap();
        for (i, row) in rows.chunks_exact(37).enumerate() {
            assert_eq!(cosines[i].to_bits(), kernels.cosine(&query, row).unwrap().to_bits());
            assert_eq!(dots[i].to_bits(), kernels.dot(&query, row).unwrap().to_bits());
        }
        let wrong = kernels.cosines(&query, &rows[1..], &mut cosines);
        assert!(matches!(wrong, Err(SimdError::LengthMismatch { .. })));
        assert!(matches!(kernels.dots(&[], &[], &mut dots), Err(SimdError::Empty { .. })));
    }
}

#[test]
fn a_zero_vector_is_like_nothing() {
    for kernels in levels() {
        assert_eq!(kernels.cosine(&[0.0; 5], &[1.0; 5]).unwrap(), 0.0);
        assert_eq!(kernels.cosine(&[0.0; 5], &[0.0; 5]).unwrap(), 0.0);
        assert_eq!(kernels.cosine(&[], &[]).unwrap(), 0.0);
        // Squared lengths whose product leaves the singles.
        assert!((kernels.cosine(&[1e15; 4], &[1e15; 4]).unwrap() - 1.0).abs() < 1e-6);
        assert!((kernels.cosine(&[1e-15; 4], &[1e-15; 4]).unwrap() - 1.0).abs() < 1e-6);
        let wrong = kernels.cosine(&[1.0], &[1.0, 2.0]);
        assert!(matches!(wrong, Err(SimdError::LengthMismatch { .. })));
    }
}
