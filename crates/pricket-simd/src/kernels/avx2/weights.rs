//! Opens a run of 32 columns of 8 of a group's 16 rows into registers.

use super::vectors::{self, Floats, Ints};
use crate::format::Steps;
use crate::kernels::quantized;
use crate::packed::Line;

quantized::weights!("avx2,fma,f16c");
