//! The public contract of `pricket-models`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod archive_writer;
mod archives;
mod blocks;
mod checkpoint_reading;
mod device;
mod encoder_causal;
mod encoder_files;
mod encoder_gguf;
mod encoding;
mod errors;
mod fixtures;
mod gguf_reading;
mod gguf_writer;
mod inspecting;
mod latent;
mod mapping;
mod memory;
mod mutation;
mod quantized_checkpoints;
mod quantizing;
mod real_model;
mod splitting;
