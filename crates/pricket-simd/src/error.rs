//! What the kernels refuse, and why.

use crate::{Format, Level};

/// Why an operation on slices was refused. No operation writes its output when it returns one; a
/// list that it would refill is left empty.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimdError {
    /// A slice has not the length that the shapes ask for.
    #[error("{what} must hold {expected} values, but holds {found}")]
    LengthMismatch {
        /// The slice.
        what: &'static str,
        /// The length that is needed (the least length, for a buffer that may be larger).
        expected: usize,
        /// The length that it has.
        found: usize,
    },
    /// A shape that the format or the operation cannot take.
    #[error("{what} is {found}, but must be {want}")]
    ShapeUnsupported {
        /// The size in question.
        what: &'static str,
        /// Its value.
        found: usize,
        /// What is taken instead.
        want: &'static str,
    },
    /// Columns that do not fill whole blocks of a quantisation format.
    #[error("{format} needs a multiple of {block} columns, but the matrix has {cols}")]
    ColumnsUnaligned {
        /// The format.
        format: Format,
        /// Values in one of its blocks.
        block: usize,
        /// The columns asked for.
        cols: usize,
    },
    /// A size whose product exceeds the address space.
    #[error("a matrix of {rows} x {cols} values is larger than the address space")]
    SizeOverflow {
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        cols: usize,
    },
    /// The system has no memory for a matrix.
    #[error(
        "no memory for a matrix of {bytes} bytes; use a smaller or more quantised model, or fewer \
         tokens at once"
    )]
    OutOfMemory {
        /// The bytes asked for.
        bytes: usize,
    },
    /// Activations of one kind were given to a matrix that wants the other.
    #[error("a {format} matrix multiplies {want} activations, but these are {found}")]
    ActivationKindMismatch {
        /// The matrix's format.
        format: Format,
        /// The kind that it multiplies.
        want: crate::ActKind,
        /// The kind that was given.
        found: crate::ActKind,
    },
    /// A row or a group of rows that the matrix does not have.
    #[error("{what} {found} is out of range; there are {count}")]
    OutOfRange {
        /// What was counted.
        what: &'static str,
        /// The index asked for.
        found: usize,
        /// How many there are.
        count: usize,
    },
    /// An operation that needs at least one value got none.
    #[error("{what} needs at least one value")]
    Empty {
        /// The operation.
        what: &'static str,
    },
    /// A value that is NaN or infinite where a number is needed.
    #[error("{what} has no finite result: the input holds {value}")]
    NotFinite {
        /// The operation.
        what: &'static str,
        /// The offending value, as Rust prints it.
        value: f32,
    },
    /// A format that numbers are not turned into.
    #[error("nothing is quantised to {format} here; Q8_0, Q5_0, Q4_0 and Q4_K are what there is")]
    QuantizerMissing {
        /// The format.
        format: Format,
    },
    /// A knob outside its range.
    #[error("{what} must be {want}, but is {value}")]
    ParameterOutOfRange {
        /// The knob.
        what: &'static str,
        /// The range that it takes.
        want: &'static str,
        /// Its value.
        value: f32,
    },
    /// `PRICKET_SIMD` names no level.
    #[error("`{name}` is no SIMD level; PRICKET_SIMD takes one of {known}")]
    LevelUnknown {
        /// The name given.
        name: String,
        /// The names that exist, comma-separated.
        known: &'static str,
    },
    /// A level that this processor or this build does not have.
    #[error(
        "this processor cannot run the SIMD level `{level}`; unset PRICKET_SIMD to use the best"
    )]
    LevelUnavailable {
        /// The level asked for.
        level: Level,
    },
    /// The system refuses another thread.
    #[error("failed to start a worker thread; use fewer threads")]
    ThreadStart {
        /// What the system says.
        source: std::io::Error,
    },
    /// More jobs were handed to a pool than it has threads.
    #[error("{jobs} jobs were given to a pool of {threads} threads")]
    JobsExceedThreads {
        /// The jobs.
        jobs: usize,
        /// The pool's threads, the caller's among them.
        threads: usize,
    },
    /// A job panicked; its results are void.
    #[error("a job of the worker pool panicked")]
    JobPanicked,
}

impl SimdError {
    /// A stable name for programs, such as `simd_length_mismatch`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::LengthMismatch { .. } => "simd_length_mismatch",
            Self::ShapeUnsupported { .. } => "simd_shape_unsupported",
            Self::ColumnsUnaligned { .. } => "simd_columns_unaligned",
            Self::SizeOverflow { .. } => "simd_size_overflow",
            Self::OutOfMemory { .. } => "simd_out_of_memory",
            Self::ActivationKindMismatch { .. } => "simd_activation_kind_mismatch",
            Self::OutOfRange { .. } => "simd_out_of_range",
            Self::Empty { .. } => "simd_empty",
            Self::NotFinite { .. } => "simd_not_finite",
            Self::QuantizerMissing { .. } => "simd_quantizer_missing",
            Self::ParameterOutOfRange { .. } => "simd_parameter_out_of_range",
            Self::LevelUnknown { .. } => "simd_level_unknown",
            Self::LevelUnavailable { .. } => "simd_level_unavailable",
            Self::ThreadStart { .. } => "simd_thread_start",
            Self::JobsExceedThreads { .. } => "simd_jobs_exceed_threads",
            Self::JobPanicked => "simd_job_panicked",
        }
    }

    /// `Ok` if `found` equals `expected`.
    pub(crate) fn check_len(what: &'static str, expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self::LengthMismatch { what, expected, found }) }
    }

    /// `Ok` if `found` is at least `expected`.
    pub(crate) fn check_room(
        what: &'static str,
        expected: usize,
        found: usize,
    ) -> Result<(), Self> {
        if found >= expected { Ok(()) } else { Err(Self::LengthMismatch { what, expected, found }) }
    }
}
