//! What can go wrong in the engine.

use pricket_core::{CoreError, CorrelationId, ErrorKind, ErrorReport};
use pricket_models::ModelError;
use pricket_tokenizer::TokenizerError;

/// What can go wrong between a request and its last chunk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The model's files or a forward pass failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The vocabulary, the chat template or a text failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A sampling knob has no meaning.
    #[error(transparent)]
    Sampling(#[from] CoreError),
    /// The model's files hold no vocabulary.
    #[error(
        "the model's files have no vocabulary; put its `tokenizer.json` or `tiktoken.model` beside \
         them"
    )]
    VocabularyMissing,
    /// A conversation for a model that has no chat template.
    #[error("the model has no chat template; give the prompt as raw text")]
    ChatTemplateMissing,
    /// A kind of prompt that this engine does not know.
    #[error("this kind of prompt is not supported; give messages, a raw text or token ids")]
    PromptUnsupported,
    /// An engine option outside its range.
    #[error("{name} must be between 1 and {max}, but is {value}")]
    OptionOutOfRange {
        /// The option.
        name: &'static str,
        /// Its value.
        value: usize,
        /// The largest that it takes.
        max: usize,
    },
    /// Less memory for keys and values than one sequence may take.
    #[error(
        "a sequence of {context} tokens takes {need} bytes of keys and values, and kv_bytes gives \
         {have}; give more, or set a shorter context"
    )]
    KvBytesTooFew {
        /// Bytes of a sequence at its full length.
        need: u64,
        /// Bytes that the options give.
        have: u64,
        /// Tokens that a sequence may have.
        context: usize,
    },
    /// The engine's thread could not be started.
    #[error("cannot start the engine's thread")]
    ThreadStart {
        /// Why.
        source: std::io::Error,
    },
    /// The thread that makes the tokenizer panicked.
    #[error("the thread that makes the tokenizer panicked; this is a defect of the loader")]
    LoadPanicked,
    /// Nothing to continue.
    #[error("the prompt is empty; give it at least one token")]
    PromptEmpty,
    /// A prompt that leaves no room for an answer.
    #[error(
        "the prompt has {prompt_tokens} tokens, but the context holds {context} with the answer; \
         shorten the prompt or load the model with a longer context"
    )]
    ContextExceeded {
        /// The prompt's length.
        prompt_tokens: usize,
        /// The context's length.
        context: usize,
    },
    /// A prompt of ids with one that the model does not have.
    #[error("token id {id} is outside the vocabulary of {vocab_size}")]
    TokenOutOfVocabulary {
        /// The id.
        id: u32,
        /// The size of the vocabulary.
        vocab_size: usize,
    },
    /// A text, or a pair of texts, that is longer than the model takes.
    #[error(
        "text {index} has {tokens} tokens with its special tokens, but the model takes \
         {tokens_max}; shorten it, or ask for texts to be cut"
    )]
    TextTooLong {
        /// Its place in the request.
        index: usize,
        /// Its length.
        tokens: usize,
        /// The longest that the model takes.
        tokens_max: usize,
    },
    /// A prefix that the model's files do not have.
    #[error("the model has no prompt called `{name}`; it has: {}", listed(known))]
    EmbeddingPromptUnknown {
        /// What was asked for.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// An encoder that gives something else than was asked for.
    #[error(
        "the model gives {found} and no {wanted}; take an embedding model for vectors, a \
             reranker for scores"
    )]
    EncoderOutput {
        /// What was asked for.
        wanted: &'static str,
        /// What it gives.
        found: &'static str,
    },
    /// No token may be generated.
    #[error("max_tokens must be 1 or more, but is 0")]
    MaxTokensZero,
    /// More stop texts than the engine searches for.
    #[error("{count} stop texts are given, but at most {max} are searched for")]
    StopTextsTooMany {
        /// How many.
        count: usize,
        /// How many it takes.
        max: usize,
    },
    /// A stop text that is empty or too long.
    #[error("a stop text must have between 1 and {max} bytes, but one has {bytes}")]
    StopTextLength {
        /// Its length.
        bytes: usize,
        /// The longest that it takes.
        max: usize,
    },
    /// More alternatives than the engine reports.
    #[error("logprobs asks for {count} alternatives, but at most {max} are reported")]
    LogprobsTooMany {
        /// How many.
        count: usize,
        /// How many it takes.
        max: usize,
    },
    /// The queue is full.
    #[error("{queue_len_max} requests are waiting already; try again later")]
    Busy {
        /// How many may wait.
        queue_len_max: usize,
    },
    /// The engine was dropped, or its thread is gone.
    #[error("the engine has stopped; load the model again")]
    Stopped,
    /// The model's output is no distribution.
    #[error(
        "the logit of token {token} is {value}, so no token can be sampled; \
         the weights are damaged or a computation overflowed"
    )]
    LogitsNotFinite {
        /// The first token whose logit is wrong.
        token: u32,
        /// Its logit.
        value: f32,
    },
    /// A request that forbids every token there is.
    #[error(
        "every token that could come is banned; the request's logit_bias, bad_words and \
         min_tokens leave none"
    )]
    TokensAllBanned,
    /// A step sent more than its stream has room for: a defect of ours.
    #[error("a step sent more than {chunks_max} chunks, and the stream is full")]
    StreamOverrun {
        /// How many a step may send.
        chunks_max: usize,
    },
    /// The request's work panicked: a defect of ours, held back from the other requests.
    #[error("the work on this request panicked: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
    },
}

impl EngineError {
    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Model(error) => error.kind(),
            Self::Tokenizer(error) => error.kind(),
            Self::VocabularyMissing
            | Self::ChatTemplateMissing
            | Self::PromptUnsupported
            | Self::EncoderOutput { .. } => ErrorKind::Unsupported,
            Self::Sampling(_)
            | Self::OptionOutOfRange { .. }
            | Self::KvBytesTooFew { .. }
            | Self::PromptEmpty
            | Self::TokensAllBanned
            | Self::TokenOutOfVocabulary { .. }
            | Self::EmbeddingPromptUnknown { .. }
            | Self::MaxTokensZero
            | Self::StopTextsTooMany { .. }
            | Self::StopTextLength { .. }
            | Self::LogprobsTooMany { .. } => ErrorKind::InvalidRequest,
            Self::ContextExceeded { .. } | Self::TextTooLong { .. } => ErrorKind::TooLarge,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::Stopped => ErrorKind::Cancelled,
            Self::ThreadStart { .. }
            | Self::LoadPanicked
            | Self::LogitsNotFinite { .. }
            | Self::StreamOverrun { .. }
            | Self::Panicked { .. } => ErrorKind::Internal,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Model(error) => error.code(),
            Self::Tokenizer(error) => error.code(),
            Self::Sampling(_) => "sampling_invalid",
            Self::PromptUnsupported => "prompt_unsupported",
            Self::VocabularyMissing => "vocabulary_missing",
            Self::ChatTemplateMissing => "template_missing",
            Self::OptionOutOfRange { .. } => "option_out_of_range",
            Self::KvBytesTooFew { .. } => "kv_bytes_too_few",
            Self::ThreadStart { .. } => "thread_start_failed",
            Self::LoadPanicked => "load_panicked",
            Self::PromptEmpty => "prompt_empty",
            Self::ContextExceeded { .. } => "context_exceeded",
            Self::TokenOutOfVocabulary { .. } => "token_out_of_vocabulary",
            Self::TextTooLong { .. } => "text_too_long",
            Self::EmbeddingPromptUnknown { .. } => "embedding_prompt_unknown",
            Self::EncoderOutput { .. } => "encoder_output",
            Self::MaxTokensZero => "max_tokens_zero",
            Self::StopTextsTooMany { .. } => "stop_texts_too_many",
            Self::StopTextLength { .. } => "stop_text_length",
            Self::LogprobsTooMany { .. } => "logprobs_too_many",
            Self::Busy { .. } => "busy",
            Self::Stopped => "engine_stopped",
            Self::LogitsNotFinite { .. } => "logits_not_finite",
            Self::TokensAllBanned => "tokens_all_banned",
            Self::StreamOverrun { .. } => "stream_overrun",
            Self::Panicked { .. } => "request_panicked",
        }
    }

    /// The failure as the terminal chunk of a request tells it.
    pub fn report(&self, request: CorrelationId) -> ErrorReport {
        ErrorReport::of(self.kind(), self.code(), self).correlated(request)
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
