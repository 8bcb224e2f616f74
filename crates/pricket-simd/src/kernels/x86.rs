//! The choice among the x86-64 levels at run time.

use super::Table;

/// The AVX2 table, if this processor has AVX2, FMA and F16C.
pub(super) fn avx2_table() -> Option<Table> {
    None
}

/// The AVX-512 table, if this processor has AVX-512 F/BW/VL/DQ and VNNI.
pub(super) fn avx512_table() -> Option<Table> {
    None
}
