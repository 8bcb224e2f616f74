//! What a model remembers of the sequences that it runs.
//!
//! Keys and values stand in blocks of [`KV_BLOCK_TOKENS`] tokens (Kwon et al., "Efficient Memory
//! Management for Large Language Model Serving with `PagedAttention`", 2023). Sequences that begin
//! alike may hold the same blocks; one that writes into a block that others hold copies it first.

mod blocks;
mod prepare;
mod storage;

use std::fmt;
use std::sync::Arc;

use crate::memory::reserve;
use crate::{Batch, ModelError};

pub(crate) use blocks::BlockTables;
pub use blocks::{BlockId, CacheSize, KV_BLOCK_TOKENS};
use blocks::{Blocks, Holder};
pub use storage::KvStorage;
use storage::sharing_unsupported;

/// The most blocks of a sequence for which its table has room from the start: half a million
/// tokens.
const TABLE_RESERVED_MAX: usize = 4_096;

/// A sequence in a cache. It is valid until it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SequenceId {
    slot: u32,
    generation: u32,
}

impl SequenceId {
    /// The slot that the sequence stands in: below the cache's `sequences_max`.
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    generation: u32,
    open: bool,
    len: usize,
}

/// The cache of keys and values: which sequences are open, how long each is and in which blocks it
/// stands, and, in the backend's storage, what attention needs of them.
pub struct KvCache {
    slots: Vec<Slot>,
    tokens_max: usize,
    blocks: Blocks,
    /// A pass clones them for its workers, and gives the clones back.
    tables: Arc<BlockTables>,
    storage: Box<dyn KvStorage>,
}

impl fmt::Debug for KvCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvCache")
            .field("slots", &self.slots)
            .field("tokens_max", &self.tokens_max)
            .field("blocks", &(self.blocks.max() - self.blocks.free(), self.blocks.max()))
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

impl KvCache {
    /// A cache over a backend's storage.
    ///
    /// # Errors
    /// [`ModelError::MemoryExceeded`] where the lists of so many sequences and blocks do not fit.
    pub fn new(size: CacheSize, storage: Box<dyn KvStorage>) -> Result<Self, ModelError> {
        let mut slots = Vec::new();
        reserve(&mut slots, size.sequences_max)?;
        slots.resize(size.sequences_max, Slot::default());
        let mut tables = BlockTables::default();
        reserve(&mut tables.slots, size.sequences_max)?;
        tables.slots.resize(size.sequences_max, Vec::new());
        let (tokens_max, blocks) = (size.tokens_max, Blocks::new(size.blocks_max)?);
        Ok(Self { slots, tokens_max, blocks, tables: Arc::new(tables), storage })
    }

    /// Opens an empty sequence.
    pub fn open_sequence(&mut self) -> Result<SequenceId, ModelError> {
        let sequences_max = self.slots.len();
        let (index, slot) = self
            .slots
            .iter_mut()
            .enumerate()
            .find(|(_, slot)| !slot.open)
            .ok_or(ModelError::CacheSequencesExhausted { sequences_max })?;
        let table_len = self.tokens_max.div_ceil(KV_BLOCK_TOKENS).min(TABLE_RESERVED_MAX);
        if let Some(table) = Arc::make_mut(&mut self.tables).slots.get_mut(index) {
            reserve(table, table_len)?;
        }
        slot.open = true;
        slot.len = 0;
        slot.generation = slot.generation.wrapping_add(1);
        Ok(SequenceId { slot: index as u32, generation: slot.generation })
    }

    /// Forgets a sequence and gives back its memory, but for blocks that others hold. Closing twice
    /// does nothing.
    pub fn close_sequence(&mut self, id: SequenceId) {
        if let Some(slot) = self.slot_mut(id) {
            slot.open = false;
            slot.len = 0;
            self.cut_table(id.slot(), 0);
            self.storage.release(id.slot());
        }
    }

    /// Forgets all tokens of a sequence from position `len` on.
    pub fn truncate(&mut self, id: SequenceId, len: usize) -> Result<(), ModelError> {
        let slot = self.slot_mut(id).ok_or(ModelError::CacheSequenceUnknown)?;
        slot.len = slot.len.min(len);
        let kept = slot.len.div_ceil(KV_BLOCK_TOKENS);
        self.cut_table(id.slot(), kept);
        Ok(())
    }

    /// Lets an empty sequence begin with the first `len` tokens that stand in `blocks`, which it
    /// holds from now on beside whoever held them. What it adds within the last of them it adds to
    /// a copy.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] where the backend keeps nothing in blocks; where the sequence is
    /// not open or not empty, a block is held by nobody, or they are not as many as the tokens
    /// need. Nothing is held then.
    pub fn adopt(
        &mut self,
        id: SequenceId,
        blocks: &[BlockId],
        len: usize,
    ) -> Result<(), ModelError> {
        if !self.storage.shares_blocks() {
            return Err(sharing_unsupported());
        }
        let known = self.len(id).ok_or(ModelError::CacheSequenceUnknown)?;
        if known > 0 {
            return Err(ModelError::PositionMismatch { start: 0, len: known });
        }
        if len > self.tokens_max {
            return Err(ModelError::ContextExceeded { need: len, have: self.tokens_max });
        }
        let held = blocks.iter().all(|block| self.blocks.holders(*block) != (0, 0));
        if !held || blocks.len() != len.div_ceil(KV_BLOCK_TOKENS) {
            return Err(ModelError::CacheBlockUnknown);
        }
        // A pass that failed may have left blocks of its own.
        self.cut_table(id.slot(), 0);
        for block in blocks {
            self.blocks.hold(*block, Holder::Sequence);
        }
        if let Some(table) = Arc::make_mut(&mut self.tables).slots.get_mut(id.slot()) {
            table.extend_from_slice(blocks);
        }
        if let Some(slot) = self.slot_mut(id) {
            slot.len = len;
        }
        Ok(())
    }

    /// The blocks of a sequence, in order; none where it is not open. The last may be filled in
    /// part.
    pub fn blocks(&self, id: SequenceId) -> &[BlockId] {
        self.slot(id).map_or(&[], |_| self.tables.of(id.slot()))
    }

    /// Keeps a block beside whoever holds it, so that it outlives its sequence; false where nobody
    /// holds it.
    pub fn keep_block(&mut self, block: BlockId) -> bool {
        self.blocks.hold(block, Holder::Keeper)
    }

    /// Keeps a block no longer.
    pub fn forget_block(&mut self, block: BlockId) {
        self.release(block, Holder::Keeper);
    }

    fn release(&mut self, block: BlockId, holder: Holder) {
        if self.blocks.release(block, holder) {
            self.storage.release_block(block);
        }
    }

    /// How many sequences hold a block.
    pub fn block_sequences(&self, block: BlockId) -> usize {
        self.blocks.holders(block).0
    }

    /// Blocks that there are.
    pub fn blocks_max(&self) -> usize {
        self.blocks.max()
    }

    /// Blocks that nobody holds.
    pub fn blocks_free(&self) -> usize {
        self.blocks.free()
    }

    /// Blocks that no sequence holds, and that are free once they are kept no longer.
    pub fn blocks_idle(&self) -> usize {
        self.blocks.idle()
    }

    /// Whether sequences can share blocks ([`adopt`](Self::adopt)).
    pub fn shares_blocks(&self) -> bool {
        self.storage.shares_blocks()
    }

    /// How many tokens of a sequence are remembered; `None` where it is not open.
    pub fn len(&self, id: SequenceId) -> Option<usize> {
        self.slot(id).map(|slot| slot.len)
    }

    /// Whether no sequence remembers anything.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| slot.len == 0)
    }

    /// The most tokens that a sequence may have.
    pub fn tokens_max(&self) -> usize {
        self.tokens_max
    }

    /// Bytes that keys and values occupy.
    pub fn bytes(&self) -> u64 {
        self.storage.bytes()
    }

    /// The backend's storage.
    pub fn storage_mut(&mut self) -> &mut dyn KvStorage {
        &mut *self.storage
    }

    /// Which blocks every sequence stands in.
    pub(crate) fn tables(&self) -> Arc<BlockTables> {
        Arc::clone(&self.tables)
    }

    /// Counts a batch's tokens as remembered; a backend calls it once its pass is complete.
    pub fn commit(&mut self, batch: &Batch) {
        for entry in batch.entries() {
            if let Some(slot) = self.slot_mut(entry.sequence) {
                slot.len = entry.start + entry.len;
            }
        }
    }

    /// Gives back the blocks of a slot's sequence but for the first `kept`.
    fn cut_table(&mut self, slot: usize, kept: usize) {
        while let Some(table) = Arc::make_mut(&mut self.tables).slots.get_mut(slot)
            && table.len() > kept
            && let Some(block) = table.pop()
        {
            self.release(block, Holder::Sequence);
        }
    }

    fn slot(&self, id: SequenceId) -> Option<&Slot> {
        self.slots.get(id.slot()).filter(|slot| slot.open && slot.generation == id.generation)
    }

    fn slot_mut(&mut self, id: SequenceId) -> Option<&mut Slot> {
        self.slots.get_mut(id.slot()).filter(|slot| slot.open && slot.generation == id.generation)
    }
}
