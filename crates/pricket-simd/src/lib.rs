//! Quantised linear algebra on slices: packed weights, run-time SIMD dispatch, a worker
//! pool.
//!
//! What it does not know: tensors, models, files. Slices go in, slices come out; the caller splits
//! work by groups of 16 rows and owns every buffer.
//!
//! Key types: [`Kernels`] (one instruction set's functions), [`PackedMatrix`] (weights, interleaved
//! for the kernels), [`Activations`] (what they are multiplied by), [`matmul`].
//!
//! 1. [`Kernels::detect`] picks the instruction set, once.
//! 2. [`PackedMatrix::pack`], or a [`Packer`] piece by piece while a file streams in.
//! 3. [`Activations::set`] quantises the vectors of one or many tokens.
//! 4. [`matmul`] writes the products of some groups of rows.
//! 5. The methods of [`Kernels`] do the rest of a forward pass: norms, rope, attention, softmax.
//!
//! Costs: a product reads each packed weight once for up to 256 tokens (16 of float weights);
//! nothing here allocates once the buffers have been made. Every level gives the same bits, and a
//! value does not depend on how many tokens or rows are computed beside it.

mod activations;
mod error;
mod format;
mod kernels;
mod level;
mod logits;
mod matmul;
mod ops;
mod packed;
mod pool;
mod quantize;
pub mod reference;
mod similarity;

pub use activations::{ActKind, Activations};
pub use error::SimdError;
pub use format::{Format, dequantize_row};
pub use kernels::Kernels;
pub use level::Level;
pub use logits::{Candidate, Penalties, WEIGHT_BLOCK, nucleus_len};
pub use matmul::matmul;
pub use ops::{
    ATTENTION_CHUNK, Attended, AttentionSpace, AttentionTile, KEY_BLOCK, KvElement, KvLine,
    RopePairing, kv_lines, write_key_lines, write_value_lines,
};
pub use packed::{GROUP_ROWS, PackedMatrix, Packer, PackerPiece, packed_bytes};
pub use pool::{Ahead, Job, Lookahead, Pool, default_threads};
pub use quantize::quantize_row;
