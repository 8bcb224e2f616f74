//! Opens a run of 32 columns of a group's 16 rows into registers.

use super::vectors::{self, Floats, Ints};
use crate::format::Steps;
use crate::kernels::quantized;
use crate::packed::Line;

quantized::weights!("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c");
