//! Each gate with a bad example that it catches and a good one that it passes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod commands;
mod features;
mod layers;
mod licences;
mod perf;
mod repository;
mod source;
mod surface;
mod tidy;
mod toml;
