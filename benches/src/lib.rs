//! What the benches share: the machine's limits, medians, a model to measure, and the peers.
//!
//! It does not know how to print: a bench does that.
//!
//! Key types: [`Limits`] is what the machine can do at most, [`Synthetic`] is a model file that
//! needs no download, [`Mixture`] one of experts, [`peers`] runs other engines and reads what they
//! print.

mod machine;
mod mixture;
mod noise;
mod statistics;
mod synthetic;

pub mod peers;

pub use machine::Limits;
pub use mixture::Mixture;
pub use statistics::{Spread, best, median};
pub use synthetic::Synthetic;

/// Whatever ends a bench.
pub type Failure = Box<dyn std::error::Error>;
