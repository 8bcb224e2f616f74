//! Quantised linear algebra on slices: packed weights, run-time SIMD dispatch, a worker pool; no tensor library
