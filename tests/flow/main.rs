//! Do the crates agree with each other? Text goes in at one end and chunks come out at the other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and skips aloud"
)]

mod answer;
mod company;
mod conformance;
mod injection;
mod kimi;
mod real;
mod template;
