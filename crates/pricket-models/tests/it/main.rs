//! The public contract of `pricket-models`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checkpoint_reading;
mod fixtures;
mod gguf_reading;
mod gguf_writer;
mod inspecting;
mod mutation;
mod real_model;
