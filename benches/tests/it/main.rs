//! What the benches rest on: medians, the peers' output, the shape of a synthetic model.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod peers;
mod statistics;
mod synthetic;
