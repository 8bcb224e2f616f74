//! A batch token by token.

use super::space::Place;
use crate::{Batch, LogitsWanted};

/// Where every token of a batch belongs, in order.
pub(super) fn places(batch: &Batch) -> impl Iterator<Item = Place> {
    batch.entries().iter().flat_map(move |entry| {
        let tokens = batch.tokens().get(entry.offset..entry.offset + entry.len).unwrap_or(&[]);
        tokens.iter().enumerate().map(move |(index, &id)| Place {
            id,
            slot: entry.sequence.slot(),
            position: entry.start + index,
        })
    })
}

/// Whether logits are wanted for each token of a batch, in order.
pub(super) fn wanted(batch: &Batch) -> impl Iterator<Item = bool> {
    batch.entries().iter().flat_map(|entry| {
        (0..entry.len).map(move |index| match entry.logits {
            LogitsWanted::None => false,
            LogitsWanted::Last => index + 1 == entry.len,
            LogitsWanted::All => true,
        })
    })
}
