//! Documents scored against a query by a cross-encoder.

use std::path::Path;
use std::sync::Arc;

use pricket_core::{ProgressEvent, RerankChunk, RerankRequest, Reranker, RerankerInfo};
use pricket_models::{EncoderOutput, EncoderSpec, OpenedEncoder, TextEncoder, open_encoder};
use pricket_stream::AsyncStream;
use pricket_tokenizer::{Special, Tokenizer};

use super::EmbeddingOptions;
use super::feed::Pairs;
use super::host::Host;
use crate::{EngineError, TextPipeline};

/// A model that scores documents against a query, and the thread that runs it.
///
/// ```no_run
/// use pricket_core::{RerankRequest, Reranker};
/// use pricket_engine::{EmbeddingOptions, RerankEngine};
///
/// let options = EmbeddingOptions::default();
/// let engine = RerankEngine::load("ms-marco-MiniLM-L6-v2", &options, &mut |_| ())?;
/// let request = RerankRequest::new("what do cats eat", ["cats eat fish", "the moon is far"]);
/// let mut scores = Vec::new();
/// for chunk in engine.rerank(request) {
///     scores.extend(chunk.score().map(|score| score.score));
/// }
/// assert!(scores[0] > scores[1]);
/// # Ok::<(), pricket_engine::EngineError>(())
/// ```
///
/// Dropping the engine ends what still runs with an `Error` chunk of code `engine_stopped`.
#[derive(Debug)]
pub struct RerankEngine {
    host: Host,
    tokenizer: Tokenizer,
    info: RerankerInfo,
    spec: EncoderSpec,
}

impl RerankEngine {
    /// Loads the cross-encoder in a folder and starts an engine around it. It blocks while the
    /// weights are read, and tells `progress` how far it is.
    ///
    /// # Errors
    /// Whatever is wrong with the files: see [`open_encoder`]; [`EngineError::EncoderOutput`] for
    /// an embedding model, [`EngineError::Tokenizer`] where the vocabulary joins no texts.
    pub fn load(
        path: impl AsRef<Path>,
        options: &EmbeddingOptions,
        progress: &mut dyn FnMut(ProgressEvent),
    ) -> Result<Self, EngineError> {
        let opened = open_encoder(path.as_ref(), &options.model, progress)?;
        let OpenedEncoder { encoder, text, .. } = opened;
        let tokenizer = TextPipeline::from_assets(text)?.tokenizer().clone();
        Self::new(encoder, tokenizer, options)
    }

    /// An engine around an encoder that is loaded already. `options.model` is not looked at.
    ///
    /// # Errors
    /// [`EngineError::EncoderOutput`] for an encoder that gives no scores,
    /// [`EngineError::Tokenizer`] for a tokenizer that joins no texts.
    pub fn new(
        encoder: Box<dyn TextEncoder>,
        tokenizer: Tokenizer,
        options: &EmbeddingOptions,
    ) -> Result<Self, EngineError> {
        let spec = encoder.spec().clone();
        let EncoderOutput::Scores { sigmoid } = spec.output else {
            return Err(EngineError::EncoderOutput { wanted: "scores", found: "vectors" });
        };
        tokenizer.join_pair(&[], &[])?;
        let info = RerankerInfo {
            name: options.name_of(&spec),
            architecture: Some(spec.architecture.clone()),
            tokens_max: spec.tokens_max,
            probabilities: sigmoid,
        };
        let host = Host::start(encoder, options)?;
        Ok(Self { host, tokenizer, info, spec })
    }

    /// What the model is.
    pub fn model_spec(&self) -> &EncoderSpec {
        &self.spec
    }
}

impl Reranker for RerankEngine {
    fn info(&self) -> &RerankerInfo {
        &self.info
    }

    fn rerank(&self, request: RerankRequest) -> AsyncStream<RerankChunk> {
        let query = self.tokenizer.encode(&request.query, Special::AsText);
        let feed = query.map_err(EngineError::from).map(|query| Pairs {
            tokenizer: self.tokenizer.clone(),
            query,
            documents: Arc::from(request.documents),
            tokens_max: self.spec.tokens_max,
            truncate: request.truncate,
        });
        self.host.answer("pricket-rerank", request.correlation_id, feed)
    }
}
