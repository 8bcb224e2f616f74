//! The kit for suites that cross crates.
