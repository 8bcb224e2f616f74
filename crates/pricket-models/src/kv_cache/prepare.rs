//! A batch is held against the cache, and given its blocks.

use std::sync::Arc;

use super::blocks::Holder;
use super::{BlockId, KV_BLOCK_TOKENS, KvCache, SequenceId};
use crate::{Batch, BatchEntry, ModelError};

impl KvCache {
    /// Holds a batch against the cache before anything runs: every sequence is open, every entry
    /// has tokens and continues its sequence where it ends, no sequence grows past the limit, every
    /// id is below `vocab_size`. Then every entry is given the blocks that it needs, and a copy of
    /// one that it writes into and others hold.
    ///
    /// # Errors
    /// [`ModelError::CacheBlocksExhausted`] where there are too few; none is given then.
    pub fn prepare(&mut self, batch: &Batch, vocab_size: usize) -> Result<(), ModelError> {
        self.check(batch, vocab_size)?;
        let (need, free) = (self.blocks_wanted(batch), self.blocks.free());
        if need > free {
            return Err(ModelError::CacheBlocksExhausted { need, free });
        }
        for BatchEntry { sequence, start, len, .. } in batch.entries() {
            self.own(*sequence, *start)?;
            let slot = sequence.slot();
            let have = self.tables.of(slot).len();
            for _ in have..(start + len).div_ceil(KV_BLOCK_TOKENS) {
                let block = self.blocks.take();
                let block = block.ok_or(ModelError::CacheBlocksExhausted { need, free: 0 })?;
                if let Some(table) = Arc::make_mut(&mut self.tables).slots.get_mut(slot) {
                    table.push(block);
                }
            }
        }
        Ok(())
    }

    /// How many blocks a batch needs beyond those that its sequences have: for what they add, and
    /// for copies of what they write into and others hold.
    pub fn blocks_wanted(&self, batch: &Batch) -> usize {
        let wanted = |entry: &BatchEntry| {
            let have = self.tables.of(entry.sequence.slot()).len();
            let need = entry.start.saturating_add(entry.len).div_ceil(KV_BLOCK_TOKENS);
            let copied = self.shared_at(entry.sequence, entry.start).is_some();
            need.saturating_sub(have) + usize::from(copied)
        };
        batch.entries().iter().map(wanted).sum()
    }

    /// Makes the block that a sequence's next token stands in its own: a copy of one that others
    /// hold too. A batch does so by itself; done ahead, the copy's room is taken ahead.
    ///
    /// # Errors
    /// [`ModelError::CacheBlocksExhausted`] where no block is free for it; nothing changes then.
    pub fn own_tail(&mut self, id: SequenceId) -> Result<(), ModelError> {
        let len = self.len(id).ok_or(ModelError::CacheSequenceUnknown)?;
        self.own(id, len)
    }

    /// The block of a position, where others hold it too.
    fn shared_at(&self, id: SequenceId, position: usize) -> Option<BlockId> {
        let block = self.tables.block(id.slot(), position)?;
        let (sequences, keepers) = self.blocks.holders(block);
        (sequences + keepers > 1).then_some(block)
    }

    fn own(&mut self, id: SequenceId, position: usize) -> Result<(), ModelError> {
        let Some(shared) = self.shared_at(id, position) else { return Ok(()) };
        let copy = self.blocks.take();
        let copy = copy.ok_or(ModelError::CacheBlocksExhausted { need: 1, free: 0 })?;
        if let Err(error) = self.storage.copy_block(shared, copy) {
            self.release(copy, Holder::Sequence);
            return Err(error);
        }
        let table = Arc::make_mut(&mut self.tables).slots.get_mut(id.slot());
        let place = table.and_then(|table| table.get_mut(position / KV_BLOCK_TOKENS));
        if let Some(place) = place {
            *place = copy;
        }
        self.release(shared, Holder::Sequence);
        Ok(())
    }

    fn check(&self, batch: &Batch, vocab_size: usize) -> Result<(), ModelError> {
        for (index, entry) in batch.entries().iter().enumerate() {
            let len = self.len(entry.sequence).ok_or(ModelError::CacheSequenceUnknown)?;
            let twice = batch.entries()[..index].iter().any(|e| e.sequence == entry.sequence);
            if entry.start != len || twice {
                return Err(ModelError::PositionMismatch { start: entry.start, len });
            }
            if entry.len == 0 {
                return Err(ModelError::BatchEntryEmpty);
            }
            let need = entry.start.saturating_add(entry.len);
            if need > self.tokens_max {
                return Err(ModelError::ContextExceeded { need, have: self.tokens_max });
            }
        }
        match batch.tokens().iter().find(|&&id| id as usize >= vocab_size) {
            Some(&id) => Err(ModelError::TokenOutOfVocabulary { id, vocab_size }),
            None => Ok(()),
        }
    }
}
