//! NEON with `dotprod`: the products of [`super::neon`] for many tokens by `sdot`, which multiplies
//! sixteen columns of a row and cannot overflow. All else is NEON's: for one token `smlal`, which
//! takes the lines as they are, needs no more instructions than `sdot` behind a transposition.
//!
//! The intrinsics for `sdot`, and all of I8MM's, are not stable in the compiler that we build with;
//! it finds `sdot` where a sum of products of bytes is written out.

mod integers;
mod opened;

use super::{Table, neon};
use integers::matmul;

/// The table, for callers that run with these features.
#[target_feature(enable = "neon,dotprod")]
pub(super) fn table() -> Table {
    Table { matmul, ..neon::table() }
}
