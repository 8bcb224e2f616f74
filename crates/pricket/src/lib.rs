//! Pricket runs large language models in pure, safe Rust. This crate is the door to the house: it
//! names the layers and holds no code of its own.
//!
//! | module | layer |
//! |---|---|
//! | [`stream`] | one value after another, from a thread, bounded and cancellable |
//! | [`simd`] | quantised linear algebra on slices |
//! | [`core`] | the words that all layers speak, and the traits they meet at |
//! | [`tokenizer`] | text and token ids, chat templates |
//! | [`models`] | files, weights, forward passes |
//! | [`hub`] | names to files |
//! | [`tools`] | what models write when they call tools |
//! | [`engine`] | requests to streams of text |
//!
//! Who writes a tokenizer, a model or a provider depends on `pricket-core` and not on this crate.

pub use pricket_core as core;
pub use pricket_engine as engine;
pub use pricket_hub as hub;
pub use pricket_models as models;
pub use pricket_simd as simd;
pub use pricket_stream as stream;
pub use pricket_tokenizer as tokenizer;
pub use pricket_tools as tools;

/// What most programs name.
pub mod prelude {
    pub use pricket_core::{
        Completion, CompletionChunk, CompletionProvider, CompletionRequest, ErrorReport, Message,
        ProgressEvent, SamplingParams,
    };
    pub use pricket_engine::{Engine, EngineOptions};
    pub use pricket_hub::Hub;
    pub use pricket_stream::AsyncStream;
}

/// The README, so that its program is compiled with the doctests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
