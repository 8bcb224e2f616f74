//! From integer products to sums.

use super::vectors::{self, Floats, Ints};
use super::weights::Weights;
use crate::activations::Run;
use crate::kernels::quantized;

quantized::sums!("neon");
