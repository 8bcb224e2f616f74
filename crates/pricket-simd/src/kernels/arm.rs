//! The choice among the aarch64 levels at run time.
//!
//! A function with features may be called only where they are known to be there, and plain code
//! does not know it even of NEON, which every aarch64 target has. A token of `archmage` proves it:
//! it is had only where the processor was asked, and a function that takes one runs with its
//! features.

use archmage::{Arm64V2Token, NeonToken, SimdToken as _, arcane};

use super::{Table, neon, neondot};
use crate::Level;

/// The table of a level, if this processor runs it.
pub(super) fn table(level: Level) -> Option<Table> {
    match level {
        Level::Neon => NeonToken::summon().map(neon_table),
        Level::NeonDot => Arm64V2Token::summon().map(neondot_table),
        _ => None,
    }
}

/// The NEON table.
#[arcane]
fn neon_table(_: NeonToken) -> Table {
    neon::table()
}

/// The NEON table with products of four. The token wants more than they need (CRC, RDM, FP16, AES
/// and SHA-2); a processor without one of these is left with NEON's.
#[arcane]
fn neondot_table(_: Arm64V2Token) -> Table {
    neondot::table()
}
