//! AVX-VNNI: the products of [`super::avx2`] by `vpdpbusd`, which takes four columns of 8 rows at
//! once and cannot overflow. All else is AVX2's.

mod integers;

use super::{Table, avx2};
use integers::{matmul, matvec};

/// The table, for callers that run with these features.
#[target_feature(enable = "avxvnni,avx2,fma,f16c")]
pub(super) fn table() -> Table {
    Table { matvec, matmul, ..avx2::table() }
}
