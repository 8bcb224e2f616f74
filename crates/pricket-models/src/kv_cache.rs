//! What a model remembers of the sequences that it runs.

use std::any::Any;
use std::fmt;

use crate::{Batch, ModelError};

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

/// The keys and values themselves; each backend has its own.
pub trait KvStorage: Any + Send {
    /// Bytes held.
    fn bytes(&self) -> u64;

    /// Gives back what a slot holds.
    fn release(&mut self, slot: usize);

    /// The storage as `Any`, for its backend to recognise.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    generation: u32,
    open: bool,
    len: usize,
}

/// The cache of keys and values: which sequences are open, how long each is, and, in the backend's
/// storage, what attention needs of them.
pub struct KvCache {
    slots: Vec<Slot>,
    tokens_max: usize,
    storage: Box<dyn KvStorage>,
}

impl fmt::Debug for KvCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvCache")
            .field("slots", &self.slots)
            .field("tokens_max", &self.tokens_max)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

impl KvCache {
    /// A cache over a backend's storage.
    pub fn new(sequences_max: usize, tokens_max: usize, storage: Box<dyn KvStorage>) -> Self {
        Self { slots: vec![Slot::default(); sequences_max], tokens_max, storage }
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
        slot.open = true;
        slot.len = 0;
        slot.generation = slot.generation.wrapping_add(1);
        Ok(SequenceId { slot: index as u32, generation: slot.generation })
    }

    /// Forgets a sequence and gives back its memory. Closing twice does nothing.
    pub fn close_sequence(&mut self, id: SequenceId) {
        if let Some(slot) = self.slot_mut(id) {
            slot.open = false;
            slot.len = 0;
            self.storage.release(id.slot());
        }
    }

    /// Forgets all tokens of a sequence from position `len` on.
    pub fn truncate(&mut self, id: SequenceId, len: usize) -> Result<(), ModelError> {
        let slot = self.slot_mut(id).ok_or(ModelError::CacheSequenceUnknown)?;
        slot.len = slot.len.min(len);
        Ok(())
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

    /// Holds a batch against the cache before anything runs: every sequence is open, every entry
    /// has tokens and continues its sequence where it ends, no sequence grows past the limit, every
    /// id is below `vocab_size`.
    pub fn check(&self, batch: &Batch, vocab_size: usize) -> Result<(), ModelError> {
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

    /// Counts a batch's tokens as remembered; a backend calls it once its pass is complete.
    pub fn commit(&mut self, batch: &Batch) {
        for entry in batch.entries() {
            if let Some(slot) = self.slot_mut(entry.sequence) {
                slot.len = entry.start + entry.len;
            }
        }
    }

    fn slot(&self, id: SequenceId) -> Option<&Slot> {
        self.slots.get(id.slot()).filter(|slot| slot.open && slot.generation == id.generation)
    }

    fn slot_mut(&mut self, id: SequenceId) -> Option<&mut Slot> {
        self.slots.get_mut(id.slot()).filter(|slot| slot.open && slot.generation == id.generation)
    }
}
