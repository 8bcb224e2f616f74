//! The bodies of the kernels for quantised weights, written once.
//!
//! A function with features can be no trait's method, so these bodies are macros: each family of
//! registers has a module `vectors` with the same names for its instructions, and compiles the
//! bodies with its features. What differs between the levels of a family is only how four columns
//! are multiplied: in pairs, or at once.

mod layouts;
mod products;
mod single;
mod sums;
mod tabled;
mod weights;

pub(super) use layouts::by_layout;
#[cfg(target_arch = "x86_64")]
pub(super) use products::pair_products;
pub(super) use products::{kernel, products};
#[cfg(target_arch = "x86_64")]
pub(super) use single::pair_dots;
pub(super) use single::{matvec, row_sums};
pub(super) use sums::sums;
pub(super) use tabled::tabled;
pub(super) use weights::{openers, weights};

/// Codes that are signed bytes, where others give their greatest code: they are multiplied as
/// magnitudes.
pub(super) const SIGNED: i32 = -1;

/// How many products of pairs can be added as 16-bit numbers: codes up to `most` times activations
/// up to 127, in pairs. 30,480 is the most of 8 products of nibbles, 31,496 of 4 of 5 bits, 32,004
/// of 2 of 6 bits, 32,512 of one of signed bytes. Where each half of a run has scales of its own,
/// 4 products go together at the most.
#[cfg(target_arch = "x86_64")]
pub(super) const fn together(most: i32, halves: bool) -> usize {
    match most {
        0..=15 if halves => 4,
        0..=15 => 8,
        16..=31 => 4,
        32..=63 => 2,
        _ => 1,
    }
}

/// Puts features on functions.
macro_rules! featured {
    ([$features:literal] $($item:item)*) => {
        $(#[inline]
        #[target_feature(enable = $features)]
        $item)*
    };
}

pub(super) use featured;
