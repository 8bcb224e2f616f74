//! Texts become vectors, and pairs of texts become scores: an encoder, the thread that runs it, and
//! a thread for each request that feeds it.
//!
//! A request's thread encodes the next texts while the model computes those before, and hands out
//! what is ready; where its reader is slow it waits, and the model serves the others.

mod answer;
mod feed;
mod host;
mod options;
mod rerank;

use std::path::Path;
use std::sync::Arc;

use pricket_core::{
    Embedder, EmbedderInfo, EmbeddingChunk, EmbeddingPrompt, EmbeddingRequest, ProgressEvent,
};
use pricket_models::{
    EmbeddingRecipe, EncoderOutput, EncoderSpec, OpenedEncoder, TextEncoder, open_encoder,
};
use pricket_stream::AsyncStream;
use pricket_tokenizer::Tokenizer;

use crate::{EngineError, TextPipeline};

use feed::Texts;
use host::Host;
pub use options::EmbeddingOptions;
pub use rerank::RerankEngine;

/// A model that turns texts into vectors, and the thread that runs it.
///
/// ```no_run
/// use pricket_core::{Embedder, EmbeddingRequest};
/// use pricket_engine::{EmbeddingEngine, EmbeddingOptions};
///
/// let options = EmbeddingOptions::default();
/// let engine = EmbeddingEngine::load("all-MiniLM-L6-v2", &options, &mut |_| ())?;
/// let mut vectors = Vec::new();
/// for chunk in engine.embed(EmbeddingRequest::new(["a cat", "a dog"])) {
///     vectors.extend(chunk.embedding().map(|embedding| embedding.vector.clone()));
/// }
/// assert_eq!(vectors.len(), 2);
/// # Ok::<(), pricket_engine::EngineError>(())
/// ```
///
/// Dropping the engine ends what still runs with an `Error` chunk of code `engine_stopped`.
#[derive(Debug)]
pub struct EmbeddingEngine {
    host: Host,
    tokenizer: Tokenizer,
    lowercase: bool,
    info: EmbedderInfo,
    spec: EncoderSpec,
}

impl EmbeddingEngine {
    /// Loads the encoder in a folder and starts an engine around it. It blocks while the weights
    /// are read, and tells `progress` how far it is.
    ///
    /// # Errors
    /// Whatever is wrong with the files: see [`open_encoder`]; [`EngineError::EncoderOutput`] for a
    /// reranker.
    pub fn load(
        path: impl AsRef<Path>,
        options: &EmbeddingOptions,
        progress: &mut dyn FnMut(ProgressEvent),
    ) -> Result<Self, EngineError> {
        let opened = open_encoder(path.as_ref(), &options.model, progress)?;
        let OpenedEncoder { encoder, recipe, text } = opened;
        let tokenizer = TextPipeline::from_assets(text)?.tokenizer().clone();
        Self::new(encoder, tokenizer, &recipe, options)
    }

    /// An engine around an encoder that is loaded already. `options.model` is not looked at.
    ///
    /// # Errors
    /// [`EngineError::EncoderOutput`] for an encoder that gives no vectors.
    pub fn new(
        encoder: Box<dyn TextEncoder>,
        tokenizer: Tokenizer,
        recipe: &EmbeddingRecipe,
        options: &EmbeddingOptions,
    ) -> Result<Self, EngineError> {
        let spec = encoder.spec().clone();
        let EncoderOutput::Vectors { normalized } = spec.output else {
            return Err(EngineError::EncoderOutput { wanted: "vectors", found: "scores" });
        };
        let info = EmbedderInfo {
            name: options.name_of(&spec),
            architecture: Some(spec.architecture.clone()),
            dimensions: spec.width,
            tokens_max: spec.tokens_max,
            normalized,
            prompts: recipe.prompts.clone(),
            default_prompt: recipe.default_prompt.clone(),
        };
        let host = Host::start(encoder, options)?;
        Ok(Self { host, tokenizer, lowercase: recipe.lowercase, info, spec })
    }

    /// What the model is.
    pub fn model_spec(&self) -> &EncoderSpec {
        &self.spec
    }

    /// What turns texts into ids.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The text that stands in front of every other.
    fn prompt(&self, wanted: &EmbeddingPrompt) -> Result<String, EngineError> {
        let name = match wanted {
            EmbeddingPrompt::Default => match &self.info.default_prompt {
                Some(name) => name,
                None => return Ok(String::new()),
            },
            EmbeddingPrompt::None => return Ok(String::new()),
            EmbeddingPrompt::Text(text) => return Ok(text.clone()),
            EmbeddingPrompt::Named(name) => name,
            _ => return Err(EngineError::PromptUnsupported),
        };
        self.info.prompts.get(name).cloned().ok_or_else(|| EngineError::EmbeddingPromptUnknown {
            name: name.clone(),
            known: self.info.prompts.keys().cloned().collect(),
        })
    }
}

impl Embedder for EmbeddingEngine {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    fn embed(&self, request: EmbeddingRequest) -> AsyncStream<EmbeddingChunk> {
        let id = request.correlation_id;
        let feed = self.prompt(&request.prompt).map(|prompt| Texts {
            tokenizer: self.tokenizer.clone(),
            of_request: Arc::from(request.texts),
            prompt,
            lowercase: self.lowercase,
            tokens_max: self.spec.tokens_max,
            truncate: request.truncate,
        });
        self.host.answer("pricket-embed", id, feed)
    }
}
