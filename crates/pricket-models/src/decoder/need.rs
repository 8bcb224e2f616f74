//! How much memory a model takes, known before its weights are read.

use super::forward::TILE_TOKENS_MAX;
use super::kv::KvFormat;
use super::latent::tile_floats;
use super::loading::PIECE_BYTES;
use super::plan::{Parts, Stored};
use super::routing::Routing;
use super::tile::BLOCK_GROUPS;
use crate::ModelError;
use crate::blueprint::Blueprint;
use pricket_simd::GROUP_ROWS;

/// What every token of the vocabulary takes beside its row of the embedding: its text in the
/// vocabulary and in the tables that cut and join text, its logit, its place in the sampler. What
/// the program held at its first token beside packed weights and its own pages was 512 bytes for
/// each of 49,152 tokens, and 360 for each of 128,256.
const TOKEN_BYTES: u64 = 512;

/// What a model takes in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    /// The weights, packed.
    pub(crate) weights: u64,
    /// The buffers of a pass and of loading, and the vocabulary: an estimate.
    pub(crate) buffers: u64,
    /// Keys and values of a token.
    pub(crate) per_token: u64,
}

impl Need {
    /// What our own backend takes on so many threads.
    ///
    /// # Errors
    /// Where the weights exceed what can be counted.
    pub(crate) fn of(
        b: &Blueprint,
        stored: &Parts<Stored>,
        kv: KvFormat,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let of_floats = stored.of_floats();
        let norms = b.layers.iter().flat_map(|layer| b.norms(layer)).map(|(_, len)| len);
        let norms = 4 * (norms.sum::<usize>() + b.hidden) as u64;
        Ok(Self {
            weights: stored.packed_bytes()?.saturating_add(norms),
            buffers: buffers(b, of_floats, threads),
            per_token: kv.resolved(of_floats).bytes(b.cached()),
        })
    }

    /// All of it, with a context of so many tokens.
    pub(crate) fn bytes(&self, context: u64) -> u64 {
        let cache = self.per_token.saturating_mul(context);
        self.weights.saturating_add(self.buffers).saturating_add(cache)
    }
}

/// What [`Space`](super::space::Space) holds for the widest tile of each thread, the buffers of
/// loading, and the vocabulary.
fn buffers(b: &Blueprint, of_floats: bool, threads: usize) -> u64 {
    let blocks = 3 * BLOCK_GROUPS * GROUP_ROWS;
    let (query, ffn) = (b.widest(|l| l.attention.given_width()), b.widest(|l| l.ffn.widest()));
    let angles: usize = b.ropes.iter().map(|rope| 2 * rope.pairs()).sum();
    let qkv = b.widest(|l| l.attention.qkv_width());
    let floats = 2 * b.hidden + qkv + query + angles + blocks;
    // Activations as the kernels want them: floats, or bytes with sums and scales between them.
    let activation = if of_floats { 4 } else { 2 };
    let activations = (b.hidden.max(query) + ffn) * activation;
    let routing = b.widest(|l| l.ffn.experts.as_ref().map_or(0, Routing::token_bytes));
    // The rows of an expert put together, and the sum of what experts give.
    let mixing = if routing > 0 { 2 * 4 * b.hidden } else { 0 };
    let token = (4 * floats + activations + routing + mixing) as u64;
    let fixed = PIECE_BYTES as u64 + 4 * tile_floats(b) as u64;
    let thread = token.saturating_mul(TILE_TOKENS_MAX as u64).saturating_add(fixed);
    thread.saturating_mul(threads as u64).saturating_add(b.vocab as u64 * TOKEN_BYTES)
}
