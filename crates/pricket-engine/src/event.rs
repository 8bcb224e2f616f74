//! What the engine's thread is told.

use crate::sequence::Sequence;

/// Everything that can be told to the engine's thread. That a reader has left is no event: the
/// thread asks every stream before every step.
pub(crate) enum Event {
    /// A request, ready to run.
    Submit(Box<Sequence>),
    /// The engine is being dropped.
    Shutdown,
}
