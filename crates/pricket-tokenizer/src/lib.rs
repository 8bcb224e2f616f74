//! Text to token ids and back, and conversations to prompts.
//!
//! It does not know models, weights, requests or streams: it takes the bytes of a `tokenizer.json`
//! or a `tiktoken.model`, or the metadata of a GGUF file, and a template's source. Nothing here
//! reads the network.
//!
//! Key types: [`Tokenizer`] encodes and decodes; [`Detokenizer`] decodes one id at a time;
//! [`StopMatcher`] holds back what could be a stop string; [`ChatTemplate`] renders messages as
//! transformers does, and its [`Rendered`] knows which bytes came from messages.
//!
//! 1. Open a vocabulary: [`Tokenizer::from_file`] or [`Tokenizer::from_gguf`].
//! 2. Compile the template: `ChatTemplate::new(source, tokenizer.special_tokens())`.
//! 3. Render and encode: `tokenizer.encode_chat(&template.render(&input)?)`. What messages and
//!    tools contain of special tokens stays text.
//! 4. Decode what the model samples: `detokenizer.push(id)`, then `stops.feed(piece)`.
//!
//! Costs: a tokenizer is built once and shared by clones; `push` and `feed` allocate only to grow
//! a buffer past the longest piece so far.

mod error;
mod limits;

mod gguf;
mod huggingface;
mod special;
mod tiktoken;
mod tokenizer;

mod detokenizer;
mod stop;

mod template;

pub use detokenizer::{Detokenizer, SkipSpecial};
pub use error::{Result, TokenizerError};
pub use gguf::GgufVocab;
pub use special::SpecialTokens;
pub use stop::{Fed, StopMatcher};
pub use template::{ChatTemplate, NullKeys, Rendered, TemplateInput};
pub use tokenizer::pair::EncodedPair;
pub use tokenizer::{Special, Tokenizer};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
