//! Which blocks of a cache are held, and which of them each sequence's tokens stand in.

use pricket_simd::ATTENTION_CHUNK;

use crate::ModelError;
use crate::memory::reserve;

/// Tokens of a block: a chunk of attention, so that no chunk lies in two blocks.
pub const KV_BLOCK_TOKENS: usize = ATTENTION_CHUNK;

/// The most blocks for which room is made before any is taken: eight million tokens.
const RESERVED_MAX: usize = 65_536;

/// A block of a cache: the keys and values of [`KV_BLOCK_TOKENS`] consecutive tokens, in all
/// layers. It is valid as long as somebody holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(u32);

impl BlockId {
    /// Its place: below the cache's `blocks_max`.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a cache has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheSize {
    /// Sequences that may be open.
    pub sequences_max: usize,
    /// Tokens that each of them may have.
    pub tokens_max: usize,
    /// Blocks of [`KV_BLOCK_TOKENS`] that all of them have together.
    pub blocks_max: usize,
}

impl CacheSize {
    /// Room for all sequences at their full length.
    pub fn whole(sequences_max: usize, tokens_max: usize) -> Self {
        let blocks_max = sequences_max.saturating_mul(tokens_max.div_ceil(KV_BLOCK_TOKENS));
        Self { sequences_max, tokens_max, blocks_max }
    }
}

/// Who holds a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Sequence,
    /// Whoever keeps it for later.
    Keeper,
}

/// How many hold a block.
#[derive(Debug, Clone, Copy, Default)]
struct Holders {
    sequences: u32,
    keepers: u32,
}

impl Holders {
    fn of(&mut self, holder: Holder) -> &mut u32 {
        match holder {
            Holder::Sequence => &mut self.sequences,
            Holder::Keeper => &mut self.keepers,
        }
    }

    fn any(self) -> bool {
        self.sequences > 0 || self.keepers > 0
    }

    fn is_idle(self) -> bool {
        self.sequences == 0 && self.keepers > 0
    }
}

/// By how many each block is held.
#[derive(Debug)]
pub(super) struct Blocks {
    /// Those that were ever taken.
    holders: Vec<Holders>,
    /// A bit for each of them: whether somebody holds it.
    held: Vec<u64>,
    /// No word of `held` before this one has a bit to give.
    lowest: usize,
    used: usize,
    idle: usize,
    max: usize,
}

impl Blocks {
    pub(super) fn new(max: usize) -> Result<Self, ModelError> {
        let max = max.min(u32::MAX as usize);
        let (mut holders, mut held) = (Vec::new(), Vec::new());
        reserve(&mut holders, max.min(RESERVED_MAX))?;
        reserve(&mut held, max.min(RESERVED_MAX).div_ceil(64))?;
        Ok(Self { holders, held, lowest: 0, used: 0, idle: 0, max })
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn free(&self) -> usize {
        self.max - self.used
    }

    /// Blocks that no sequence holds, and somebody keeps.
    pub(super) fn idle(&self) -> usize {
        self.idle
    }

    /// Takes, for a sequence, the lowest block that nobody holds: what is used stays together, and
    /// what lies above it can be given back.
    pub(super) fn take(&mut self) -> Option<BlockId> {
        if self.used == self.max {
            return None;
        }
        let words = self.held.iter().skip(self.lowest).position(|word| *word != u64::MAX);
        let word = words.map_or(self.held.len(), |ahead| self.lowest + ahead);
        self.lowest = word;
        if word == self.held.len() {
            self.held.push(0);
        }
        let bits = self.held.get_mut(word)?;
        let bit = bits.trailing_ones();
        *bits |= 1 << bit;
        let index = word * 64 + bit as usize;
        if index >= self.holders.len() {
            self.holders.resize(index + 1, Holders::default());
        }
        *self.holders.get_mut(index)? = Holders { sequences: 1, keepers: 0 };
        self.used += 1;
        Some(BlockId(index as u32))
    }

    /// How many hold a block: sequences, and keepers.
    pub(super) fn holders(&self, block: BlockId) -> (usize, usize) {
        let holders = self.holders.get(block.index()).copied().unwrap_or_default();
        (holders.sequences as usize, holders.keepers as usize)
    }

    /// One more holds a block; false where nobody did.
    pub(super) fn hold(&mut self, block: BlockId, holder: Holder) -> bool {
        let Some(holders) = self.holders.get_mut(block.index()).filter(|holders| holders.any())
        else {
            return false;
        };
        let was_idle = holders.is_idle();
        *holders.of(holder) += 1;
        self.idle -= usize::from(was_idle && !holders.is_idle());
        true
    }

    /// One fewer holds a block. Tells whether it is free now.
    pub(super) fn release(&mut self, block: BlockId, holder: Holder) -> bool {
        let Some(holders) = self.holders.get_mut(block.index()) else { return false };
        let was_idle = holders.is_idle();
        let count = holders.of(holder);
        if *count == 0 {
            return false;
        }
        *count -= 1;
        match (was_idle, holders.is_idle()) {
            (true, false) => self.idle -= 1,
            (false, true) => self.idle += 1,
            _ => {}
        }
        if holders.any() {
            return false;
        }
        let word = block.index() / 64;
        if let Some(bits) = self.held.get_mut(word) {
            *bits &= !(1 << (block.index() % 64));
        }
        self.lowest = self.lowest.min(word);
        self.used -= 1;
        true
    }
}

/// The blocks of every slot's sequence, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlockTables {
    pub(super) slots: Vec<Vec<BlockId>>,
}

impl BlockTables {
    /// The blocks of a slot's sequence.
    pub(super) fn of(&self, slot: usize) -> &[BlockId] {
        self.slots.get(slot).map_or(&[], Vec::as_slice)
    }

    /// The block that a position of a slot's sequence stands in.
    pub(crate) fn block(&self, slot: usize, position: usize) -> Option<BlockId> {
        self.of(slot).get(position / KV_BLOCK_TOKENS).copied()
    }
}
