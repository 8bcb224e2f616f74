//! The trait at the waist.

use pricket_stream::AsyncStream;

use crate::{CompletionChunk, CompletionRequest, ModelInfo};

/// Anything that completes: the local engine, a remote provider, an agent, a scripted double.
pub trait CompletionProvider: Send + Sync {
    /// What it is and can.
    fn info(&self) -> &ModelInfo;

    /// Starts one completion. It never blocks on the model, and dropping the stream cancels the
    /// work. A request that cannot be served answers with a single `Error` chunk.
    fn complete(&self, request: CompletionRequest) -> AsyncStream<CompletionChunk>;
}
