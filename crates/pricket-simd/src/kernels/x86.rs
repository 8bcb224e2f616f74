//! The choice among the x86-64 levels at run time.
//!
//! A function with features the compiler did not assume may be called only where they are known to
//! be there. `multiversion` emits that one check; all else is plain function pointers.
#![expect(clippy::unnecessary_wraps, reason = "each compiled form of a chooser has one outcome")]

#[cfg(all(target_feature = "avx2", target_feature = "fma", target_feature = "f16c"))]
compile_error!(
    "build without -C target-cpu=native or -C target-feature: the kernels pick the instruction set \
     at run time, and the dispatcher has no arm for features that are always on"
);

use multiversion::{multiversion, target::match_target};

use super::{Table, avx2, avx512, avxvnni};
use crate::Level;

/// The table of a level, if this processor runs it.
pub(super) fn table(level: Level) -> Option<Table> {
    match level {
        Level::Avx2 => avx2_table(),
        Level::AvxVnni => avxvnni_table(),
        Level::Avx512 => avx512_table(),
        Level::Avx512Vnni => avx512vnni_table(),
        Level::Scalar | Level::Neon | Level::NeonDot => None,
    }
}

/// The AVX2 table, if this processor has AVX2, FMA and F16C.
#[multiversion(targets("x86_64+avx2+fma+f16c"))]
fn avx2_table() -> Option<Table> {
    match_target! {
        "x86_64+avx2" => Some(avx2::table()),
        _ => None,
    }
}

/// The AVX-VNNI table, if this processor has AVX-VNNI, AVX2, FMA and F16C.
#[multiversion(targets("x86_64+avxvnni+avx2+fma+f16c"))]
fn avxvnni_table() -> Option<Table> {
    match_target! {
        "x86_64+avxvnni" => Some(avxvnni::table()),
        _ => None,
    }
}

/// The AVX-512 table, if this processor has AVX-512 F/BW/VL/DQ.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq+avx2+fma+f16c"))]
fn avx512_table() -> Option<Table> {
    match_target! {
        "x86_64+avx512f" => Some(avx512::table()),
        _ => None,
    }
}

/// The AVX-512 table with VNNI, if this processor has that too.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq+avx512vnni+avx2+fma+f16c"))]
fn avx512vnni_table() -> Option<Table> {
    match_target! {
        "x86_64+avx512vnni" => Some(avx512::vnni_table()),
        _ => None,
    }
}
