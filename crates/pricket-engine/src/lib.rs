//! A request becomes a stream of tokens: queue, schedule, step, sampler, emit.
//!
//! It works in token ids: text comes in through `prompt` and leaves through `emit`. It knows no
//! tensor library, no file format, no tool and no terminal.
//!
//! Key types: an [`Engine`] owns a model and the thread that runs it, and is a
//! [`CompletionProvider`](pricket_core::CompletionProvider); a [`TextPipeline`] holds what turns
//! messages into ids; a [`Sampler`] turns a row of logits into a token; [`schedule`] decides who
//! runs next. An [`EmbeddingEngine`] turns texts into vectors, a [`RerankEngine`] scores documents.
//!
//! 1. `let engine = Engine::load(path, EngineOptions::default(), &mut |event| ..)?`
//! 2. `let stream = engine.complete(CompletionRequest::chat(vec![Message::user("hi")]))`
//! 3. `for chunk in stream { .. }`: `Text` chunks, then one `Complete` or `Error`.
//! 4. Dropping the stream takes the request out before the next step.
//!
//! Costs: a request allocates its buffers when it is submitted; sampling, detokenising and emitting
//! a token allocate nothing, but where a single piece of text is longer than 24 bytes or
//! log-probabilities are asked for.

mod embed;
mod engine;
mod options;
mod load;

mod prompt;
mod event;
mod queue;
mod prefix;
pub mod schedule;
mod worker;
mod step;
mod sampler;
mod emit;

mod sequence;
mod stop;
mod outlet;
mod clock;
mod containment;
mod stats;
mod error;
pub mod limits;

pub use embed::{EmbeddingEngine, EmbeddingOptions, RerankEngine};
pub use engine::Engine;
pub use error::EngineError;
pub use options::EngineOptions;
pub use prefix::PrefixTree;
pub use prompt::{TemplateOrigin, TextPipeline};
pub use sampler::{Breakers, Rng, Sampler, SamplerState};
pub use stats::EngineStats;
