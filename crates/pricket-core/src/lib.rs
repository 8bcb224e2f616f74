//! The waist of the house: the words that every crate speaks and the traits they meet at.
//!
//! It does not know models, tokenizers, tensors, sockets or terminals: those who write a tokenizer,
//! a model, a provider or a tool depend on this crate and not on `pricket`.
//!
//! Key types: [`CompletionRequest`] goes in, an `AsyncStream` of [`CompletionChunk`] comes out of a
//! [`CompletionProvider`]; an [`Embedder`] turns texts into vectors, a [`Reranker`] scores
//! documents; [`ProviderRegistry`] finds a provider by name; [`ModelInfo`] says what a model is,
//! can and costs; [`SamplingParams`] overlays; [`ErrorReport`] is the one error shape from a kernel
//! to an HTTP body.
//!
//! 1. Build a request: `CompletionRequest::chat(vec![Message::user("hi")])`.
//! 2. Give it to a provider: `provider.complete(request)`.
//! 3. Read chunks until the terminal one, [`CompletionChunk::Complete`] or
//!    [`CompletionChunk::Error`], which is always there and always last.
//!
//! Costs: everything here is plain data; nothing allocates behind your back but the `String`s you
//! see.

mod message;
mod call_id;
mod request;
mod sampling;

mod chunk;
mod usage;

mod embedding;
mod rerank;

mod capability;
mod price;
mod info;
mod ledger;
mod provider;
mod registry;

mod correlation;
mod error;
mod one_or_many;
mod byte_size;
mod address;
mod progress;
mod suggestion;
mod limits;

pub use address::without_userinfo;
pub use byte_size::{ByteSize, ByteSizeError};
pub use call_id::{NumberedCallId, number_calls};
pub use capability::{Capabilities, Capability};
pub use chunk::{CompletionChunk, FinishReason, TokenLogprob};
pub use correlation::CorrelationId;
pub use embedding::{
    Embedder, EmbedderInfo, Embedding, EmbeddingChunk, EmbeddingPrompt, EmbeddingRequest,
    EmbeddingUsage,
};
pub use error::{CoreError, ErrorKind, ErrorReport};
pub use info::ModelInfo;
pub use ledger::{UsageLedger, UsageTotal};
pub use message::{Message, Role, ToolCall, ToolSpec};
pub use one_or_many::OneOrMany;
pub use price::{MicroDollars, Price, PriceDate};
pub use progress::{ProgressEvent, ProgressStage};
pub use provider::CompletionProvider;
pub use registry::{ProviderRegistry, ProviderTable, RegisteredProvider, Registration};
pub use request::{CompletionRequest, Prompt};
pub use rerank::{RerankChunk, RerankRequest, RerankScore, Reranker, RerankerInfo};
pub use sampling::{EffectiveSampling, LogitBias, SamplerKind, SamplerOrder, SamplingParams};
pub use suggestion::{nearest_name, nearest_names};
pub use usage::{Completion, Timings, Usage};

/// The text of a [`CompletionChunk`]: up to 24 bytes without an allocation, any length with one.
pub use compact_str::CompactString;
