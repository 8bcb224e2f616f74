//! The contract of the hub, held against servers, pips and disks that misbehave on purpose.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test fails by panicking, as the test does"
)]

mod kit;
mod server;

mod aliases;
mod caches;
mod catalog;
mod children;
mod downloads;
mod failures;
mod hostile;
mod names;
mod refreshing;
mod repositories;
mod promises;
mod rules;
mod wheels;
