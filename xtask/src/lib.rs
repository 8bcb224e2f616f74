//! The gates of the house: what `cargo xtask ci` runs, and the checks that need no other tool.
//!
//! It does not know what the product does: it reads its text, its manifests and its `pub` items.
//! A check is a function from text to [`Complaint`]s, so that each has a test with a bad example.
//!
//! Key types: [`Command`] is what was asked for, [`Step`] is one line of the list in [`ci`],
//! [`Complaint`] is one finding, [`Failure`] is why a run stopped.
//!
//! 1. `Command::parse` reads the words after `cargo xtask`.
//! 2. `ci::run` runs the steps in order and stops at the first that fails.
//! 3. A step either runs cargo through [`shell`] or collects complaints in process.
//!
//! Costs: one small dependency, because everybody compiles this crate first.

pub mod ci;
mod failure;
mod flags;

pub mod shell;
pub mod terminal;

mod complaint;
mod source;
mod tree;

pub mod arm;
pub mod features;
pub mod layers;
pub mod licences;
mod metadata;
pub mod perf;
pub mod surface;
pub mod tidy;
mod toml;

use std::path::{Path, PathBuf};

pub use ci::Step;
pub use complaint::Complaint;
pub use failure::Failure;
pub use flags::Command;
pub use metadata::{Dependency, DependencyKind, Metadata, Package};
pub use source::{Place, Source};
pub use toml::{Table, Value, parse as parse_toml};
pub use tree::Tree;

/// The folder that holds the workspace manifest.
pub fn repository_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}
