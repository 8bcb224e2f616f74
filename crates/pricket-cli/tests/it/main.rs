//! The command as its users see it: arguments in; text, exit code and files out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and skips aloud"
)]

mod command;
mod site;

mod bench;
mod chat;
mod config;
mod debug;
mod embed;
mod errors;
mod help;
mod inspect;
mod interrupt;
mod models;
mod run;
mod store;
#[cfg(target_os = "linux")]
mod terminal;
