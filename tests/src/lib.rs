//! The kit of the suites that cross crates: it finds fixtures, reads references, and runs a model
//! without an engine.
//!
//! It knows no test: it says what is so, and the suites say what must be.

mod conformance;
mod conversion;
mod fixture;
mod micro;
mod nesting;
mod pass;
mod reference;
mod truncation;

pub use conformance::complaints;
pub use conversion::{LatentForm, converted, converted_as};
pub use fixture::{Scratch, fixtures, real_model, tiny_model};
pub use micro::in_mxfp4;
pub use nesting::nested;
pub use pass::{Pass, Pieces, most_likely};
pub use reference::{
    Case, Choices, Greedy, RealCase, RealReference, Reference, largest_difference,
};
pub use truncation::{routed, truncated};
