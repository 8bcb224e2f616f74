//! Do all implementations agree with the truth, under every switch? The truth is transformers in
//! float32, on checkpoints and on a real model; the switches are backend, instruction set, threads,
//! and how a prompt is cut.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and skips aloud"
)]

mod company;
mod disk;
mod files;
mod gpt_oss;
mod kimi;
mod real;
mod residuals;
mod routers;
mod tiny;
mod variant;
