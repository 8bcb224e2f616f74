//! Opens a group's lines for many tokens.

use super::vectors::{self, PARTS};
use super::weights::{self, Weights};
use crate::kernels::many::Opened;
use crate::kernels::quantized;
use crate::packed::Line;

quantized::openers!("neon");
