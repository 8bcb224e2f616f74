//! What can go wrong with a model.

use std::path::PathBuf;

use pricket_core::{ByteSize, ErrorKind};
use pricket_simd::SimdError;

/// What can go wrong with a model's files or with a forward pass.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No model at this path.
    #[error("no model at {path}: {why}")]
    NotFound {
        /// The path.
        path: PathBuf,
        /// What was looked for.
        why: String,
    },
    /// The file is of another format.
    #[error("{what} is no {format} file: it begins with `{found}`; name a model file")]
    BadMagic {
        /// The file.
        what: String,
        /// The format that was expected.
        format: &'static str,
        /// The first bytes.
        found: String,
    },
    /// The file ends early, as after a download that broke off.
    #[error(
        "{what} ends early: {need} bytes are needed at byte {offset}, {have} are left; fetch it \
         again"
    )]
    Truncated {
        /// The file or part.
        what: String,
        /// Where more is needed.
        offset: u64,
        /// How much is needed there.
        need: u64,
        /// How much is left there.
        have: u64,
    },
    /// A part of a file is larger than the limit for such parts.
    #[error("{what} is {value}, but at most {max} is read")]
    LimitExceeded {
        /// The part.
        what: String,
        /// Its size.
        value: u64,
        /// The limit.
        max: u64,
    },
    /// The bytes are not what the format promises.
    #[error("{what} is malformed at byte {offset}: {why}")]
    Malformed {
        /// The file or part.
        what: String,
        /// Where.
        offset: u64,
        /// How.
        why: String,
    },
    /// A file of a model that is split into several does not fit the others.
    #[error("{path} does not make a whole model with the files beside it: {why}")]
    SplitInvalid {
        /// The file.
        path: PathBuf,
        /// How.
        why: String,
    },
    /// A JSON file of the model is wrong.
    #[error("{path} is not valid: {why}")]
    Config {
        /// The file.
        path: PathBuf,
        /// How.
        why: String,
    },
    /// A metadata key is missing or has the wrong type.
    #[error("metadata `{key}` {why}")]
    Metadata {
        /// The key.
        key: String,
        /// How.
        why: String,
    },
    /// An architecture that this build does not run.
    #[error("architecture `{name}` is not supported; known are: {known}")]
    ArchitectureUnsupported {
        /// The architecture.
        name: String,
        /// Those that it runs.
        known: String,
    },
    /// A quantisation that this build does not read.
    #[error("tensor `{tensor}` is stored as {found}, which is not supported")]
    QuantizationUnsupported {
        /// The tensor.
        tensor: String,
        /// Its type.
        found: String,
    },
    /// A feature of the model that this build does not run.
    #[error("{what} is not supported: {why}")]
    Unsupported {
        /// The feature.
        what: String,
        /// Why, or what to use instead.
        why: String,
    },
    /// A tensor is not in the files.
    #[error("tensor `{tensor}` is missing")]
    TensorMissing {
        /// The tensor.
        tensor: String,
    },
    /// Tensors that the architecture knows nothing of.
    #[error(
        "the files hold {count} tensors that this architecture does not use ({names}); an answer \
         without them would be wrong"
    )]
    TensorsUnused {
        /// How many.
        count: usize,
        /// The first of them.
        names: String,
    },
    /// A tensor has a shape that the config does not ask for.
    #[error("tensor `{tensor}` has shape {found:?}, but {expected:?} is expected")]
    TensorShape {
        /// The tensor.
        tensor: String,
        /// The shape that the config asks for, outermost first.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A piece that is not inside its tensor was asked for.
    #[error("{len} bytes at {offset} are not inside tensor `{tensor}` of {bytes} bytes")]
    TensorRange {
        /// The tensor.
        tensor: String,
        /// Where the piece begins.
        offset: u64,
        /// How long the piece is.
        len: usize,
        /// How many bytes the tensor has.
        bytes: u64,
    },
    /// The model, or the cache that was asked for, does not fit into memory.
    #[error("the model needs {need} of memory, but {have} are available")]
    MemoryExceeded {
        /// What it needs.
        need: ByteSize,
        /// What there is.
        have: ByteSize,
    },
    /// The memory that experts were given has no room for one.
    #[error("an expert needs {need} of memory, but all experts together are given {have}")]
    ExpertsMemory {
        /// What one needs.
        need: ByteSize,
        /// What they were given.
        have: ByteSize,
    },
    /// A batch longer than the cache.
    #[error("the sequence would have {need} tokens, but the context holds {have}")]
    ContextExceeded {
        /// Tokens after the batch.
        need: usize,
        /// Tokens that fit.
        have: usize,
    },
    /// A token id that the vocabulary does not have.
    #[error("token id {id} is outside the vocabulary of {vocab_size}")]
    TokenOutOfVocabulary {
        /// The id.
        id: u32,
        /// The size of the vocabulary.
        vocab_size: usize,
    },
    /// All sequences of a cache are taken.
    #[error("all {sequences_max} sequences of the cache are open; close one")]
    CacheSequencesExhausted {
        /// How many there are.
        sequences_max: usize,
    },
    /// A sequence that is not open.
    #[error("the sequence is not open in this cache")]
    CacheSequenceUnknown,
    /// Fewer blocks of a cache are free than a batch needs.
    #[error("the batch needs {need} more blocks of the cache, and {free} are free")]
    CacheBlocksExhausted {
        /// How many the batch needs.
        need: usize,
        /// How many nobody holds.
        free: usize,
    },
    /// Blocks that nobody holds, or not as many as the tokens need.
    #[error("the blocks do not hold the tokens that a sequence is to begin with")]
    CacheBlockUnknown,
    /// A cache that another backend made.
    #[error("the cache belongs to another model; make it with this model's `new_cache`")]
    CacheForeign,
    /// An entry that does not continue its sequence.
    #[error("the batch continues a sequence at position {start}, but it has {len} tokens")]
    PositionMismatch {
        /// Where the entry starts.
        start: usize,
        /// Where the sequence ends.
        len: usize,
    },
    /// An entry without tokens.
    #[error("a batch entry has no tokens")]
    BatchEntryEmpty,
    /// A worker did not give back what it read.
    #[error("a worker still holds a buffer of the pass; this is a defect of the decoder")]
    BufferShared,
    /// A worker's share of a pass held less than it was to compute.
    #[error("a worker computed less than its share of the pass; this is a defect of the decoder")]
    ShareIncomplete,
    /// A thread that loads weights panicked.
    #[error("a thread that loads weights panicked; this is a defect of the loader")]
    LoadPanicked,
    /// The kernels refused.
    #[error(transparent)]
    Simd(#[from] SimdError),
    /// The candle backend failed.
    #[error("candle: {0}")]
    Candle(String),
}

impl ModelError {
    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. } => ErrorKind::Io,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::BadMagic { .. }
            | Self::Truncated { .. }
            | Self::Malformed { .. }
            | Self::SplitInvalid { .. }
            | Self::Config { .. }
            | Self::Metadata { .. }
            | Self::TensorMissing { .. }
            | Self::TensorShape { .. } => ErrorKind::Malformed,
            Self::ArchitectureUnsupported { .. }
            | Self::TensorsUnused { .. }
            | Self::QuantizationUnsupported { .. }
            | Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::LimitExceeded { .. }
            | Self::MemoryExceeded { .. }
            | Self::ExpertsMemory { .. }
            | Self::ContextExceeded { .. }
            | Self::Simd(SimdError::OutOfMemory { .. } | SimdError::SizeOverflow { .. }) => {
                ErrorKind::TooLarge
            }
            Self::TokenOutOfVocabulary { .. }
            | Self::Simd(
                SimdError::LevelUnknown { .. }
                | SimdError::LevelUnavailable { .. }
                | SimdError::ThreadStart { .. },
            ) => ErrorKind::InvalidRequest,
            Self::CacheSequencesExhausted { .. } | Self::CacheBlocksExhausted { .. } => {
                ErrorKind::Busy
            }
            Self::CacheSequenceUnknown
            | Self::CacheBlockUnknown
            | Self::CacheForeign
            | Self::PositionMismatch { .. }
            | Self::BatchEntryEmpty
            | Self::TensorRange { .. }
            | Self::BufferShared
            | Self::ShareIncomplete
            | Self::LoadPanicked
            | Self::Simd(_)
            | Self::Candle(_) => ErrorKind::Internal,
        }
    }

    /// A stable name for programs; the kernels' own (`simd_..`) where they refused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "model_unreadable",
            Self::NotFound { .. } => "model_not_found",
            Self::BadMagic { .. } => "model_format",
            Self::Truncated { .. } => "model_truncated",
            Self::LimitExceeded { .. } => "model_limit_exceeded",
            Self::Malformed { .. } => "model_malformed",
            Self::SplitInvalid { .. } => "model_split_invalid",
            Self::Config { .. } => "model_config_invalid",
            Self::Metadata { .. } => "model_metadata_invalid",
            Self::ArchitectureUnsupported { .. } => "architecture_unsupported",
            Self::QuantizationUnsupported { .. } => "quantization_unsupported",
            Self::Unsupported { .. } => "model_unsupported",
            Self::TensorMissing { .. } => "tensor_missing",
            Self::TensorsUnused { .. } => "tensors_unused",
            Self::TensorShape { .. } => "tensor_shape",
            Self::TensorRange { .. } => "tensor_range",
            Self::MemoryExceeded { .. } => "memory_exceeded",
            Self::ExpertsMemory { .. } => "experts_memory",
            Self::ContextExceeded { .. } => "context_exceeded",
            Self::TokenOutOfVocabulary { .. } => "token_out_of_vocabulary",
            Self::CacheSequencesExhausted { .. } => "cache_full",
            Self::CacheBlocksExhausted { .. } => "cache_blocks_full",
            Self::CacheSequenceUnknown => "sequence_unknown",
            Self::CacheBlockUnknown => "cache_block_unknown",
            Self::CacheForeign => "cache_foreign",
            Self::PositionMismatch { .. } => "position_mismatch",
            Self::BatchEntryEmpty => "batch_entry_empty",
            Self::BufferShared => "buffer_shared",
            Self::ShareIncomplete => "share_incomplete",
            Self::LoadPanicked => "load_panicked",
            Self::Simd(error) => error.code(),
            Self::Candle(_) => "candle_failed",
        }
    }
}
