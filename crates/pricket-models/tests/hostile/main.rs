//! Malformed model files: each gives a typed error that names what is wrong, and none makes us
//! allocate more than a small multiple of its own size.
//!
//! A binary of its own, because it replaces the global allocator by one that counts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

#[path = "../it/gguf_writer.rs"]
mod gguf_writer;

#[path = "../it/archive_writer.rs"]
mod archive_writer;

mod allocation;
mod cache;
mod config;
mod gguf;
mod gguf_cases;
mod loading;
mod opening;
mod runnable;
mod safetensors;
mod zipped;
