//! The public contract of the kernels: every level, every shape, held to the plain definition.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::float_cmp,
    reason = "a test fails by panicking and reports aloud; what it compares is exact"
)]

mod allocations;
mod attention;
mod foreign;
mod formats;
mod latent;
mod levels;
mod logits;
mod material;
mod pool;
mod products;
mod refill;
mod refusals;
mod similarity;
mod vectors;
