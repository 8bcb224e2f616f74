//! Quantised weights times quantised activations, by products of pairs.

use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

use bytemuck::must_cast;

use super::opened;
use super::sums::{add_half_offset, add_offset, add_scaled, finish, half_start, start};
use super::vectors::{self, Floats, Ints, PARTS};
use super::weights::{self, Weights};
use crate::activations::{Run, TILE, Tiles};
use crate::kernels::many::{self, Kernel, Opened, QUAD, Sums};
use crate::kernels::quantized::{self, SIGNED, together};
use crate::kernels::walk;
use crate::matmul::Product;
use crate::packed::{Layout, Line, Panel};

quantized::matvec!("avx2,fma,f16c", signed);
quantized::products!("avx2,fma,f16c", signed);
quantized::pair_dots!("avx2,fma,f16c");
quantized::pair_products!("avx2,fma,f16c");
