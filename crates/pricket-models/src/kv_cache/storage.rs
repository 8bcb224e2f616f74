//! What a backend keeps of keys and values.

use std::any::Any;

use super::BlockId;
use crate::ModelError;

/// The keys and values themselves; each backend has its own.
pub trait KvStorage: Any + Send {
    /// Bytes held.
    fn bytes(&self) -> u64;

    /// Gives back what a slot holds.
    fn release(&mut self, slot: usize);

    /// Whether what it keeps stands in blocks, so that sequences can share them.
    fn shares_blocks(&self) -> bool {
        false
    }

    /// Copies a block to another that nobody holds yet.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] where nothing stands in blocks.
    fn copy_block(&mut self, from: BlockId, to: BlockId) -> Result<(), ModelError> {
        let _ = (from, to);
        Err(sharing_unsupported())
    }

    /// Gives back a block that nobody holds any more.
    fn release_block(&mut self, block: BlockId) {
        let _ = block;
    }

    /// The storage as `Any`, for its backend to recognise.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// The error of a backend that keeps nothing in blocks.
pub(super) fn sharing_unsupported() -> ModelError {
    ModelError::Unsupported {
        what: "sequences that share keys and values".to_owned(),
        why: "this backend keeps each sequence's apart".to_owned(),
    }
}
