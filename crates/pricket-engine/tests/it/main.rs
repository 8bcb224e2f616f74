//! The engine keeps its public contract.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and skips aloud"
)]

mod kit;

mod finish;
mod load;
mod prefix;
mod prompt;
mod refusal;
mod containment;
mod cancel;
mod stats;
mod determinism;
mod embedding;
mod schedule;
mod step_budget;
mod sampler;
mod samplers;
mod penalties;
mod rng;
