//! One error shape from a kernel to an HTTP body.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::CorrelationId;

/// What can be wrong with the words themselves.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CoreError {
    /// A sampling knob outside its range.
    #[error("{name} must be {want}, but is {value}")]
    SamplingOutOfRange {
        /// The knob.
        name: &'static str,
        /// Its value.
        value: f32,
        /// The values that it takes.
        want: &'static str,
    },
    /// A text that is no correlation id.
    #[error("a correlation id is a UUID, but `{text}` is none")]
    CorrelationIdMalformed {
        /// The text.
        text: String,
    },
    /// A text that is no amount of dollars.
    #[error("an amount is dollars with up to six decimals, as in `2.50`, but `{text}` is none")]
    AmountMalformed {
        /// The text.
        text: String,
    },
    /// A text that is no date.
    #[error("a date is written `2026-11-21`, but `{text}` is none")]
    DateMalformed {
        /// The text.
        text: String,
    },
    /// A text that names no capability.
    #[error("no capability is called `{text}`; there are {}", capabilities())]
    CapabilityUnknown {
        /// The text.
        text: String,
    },
    /// More tokens are asked for than the model gives at a time.
    #[error("`{model}` answers with at most {limit} tokens, but {max_tokens} are asked for")]
    OutputExceeded {
        /// The model's full name.
        model: String,
        /// What is asked for.
        max_tokens: usize,
        /// What it gives.
        limit: usize,
    },
    /// A prompt and its answer that do not fit the model's context.
    #[error(
        "`{model}` holds {limit} tokens, but the prompt has {prompt_tokens} and {max_tokens} are \
         asked for; shorten the prompt or ask for fewer"
    )]
    ContextExceeded {
        /// The model's full name.
        model: String,
        /// The prompt's length in tokens.
        prompt_tokens: usize,
        /// The longest answer in tokens.
        max_tokens: usize,
        /// The context's length in tokens.
        limit: usize,
    },
    /// No provider has this name.
    #[error("no provider is called `{name}`{}", suggested(did_you_mean))]
    UnknownProvider {
        /// What was asked for.
        name: String,
        /// Names that look like it, nearest first.
        did_you_mean: Vec<String>,
    },
    /// A provider's name that another one has.
    #[error("the name `{name}` belongs to the provider `{holder}`; `replace` takes it over")]
    ProviderNameTaken {
        /// The name.
        name: String,
        /// Who has it.
        holder: String,
    },
    /// A name that no provider may have.
    #[error(
        "`{name}` cannot name a provider: a name has 1 to {bytes_max} bytes, none of them a space \
         or a control character"
    )]
    ProviderNameMalformed {
        /// The name, cut where it is too long.
        name: String,
        /// The most bytes.
        bytes_max: usize,
    },
    /// A registry that is full.
    #[error("a registry holds at most {max} providers; unregister one first")]
    ProvidersTooMany {
        /// How many it holds.
        max: usize,
    },
    /// A provider that is asked for as a type that it is not.
    #[error("the provider `{name}` was not registered as a `{wanted}`")]
    ProviderTypeMismatch {
        /// The provider.
        name: String,
        /// The type that was asked for.
        wanted: &'static str,
    },
    /// A provider that could not be made.
    #[error("the provider `{name}` cannot start: {report}")]
    ProviderFailed {
        /// The provider.
        name: String,
        /// Why.
        report: Box<ErrorReport>,
    },
}

impl CoreError {
    /// The kind, for those who decide by it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::SamplingOutOfRange { .. }
            | Self::CorrelationIdMalformed { .. }
            | Self::AmountMalformed { .. }
            | Self::DateMalformed { .. }
            | Self::CapabilityUnknown { .. }
            | Self::OutputExceeded { .. }
            | Self::ProviderNameTaken { .. }
            | Self::ProviderNameMalformed { .. }
            | Self::ProviderTypeMismatch { .. } => ErrorKind::InvalidRequest,
            Self::ContextExceeded { .. } | Self::ProvidersTooMany { .. } => ErrorKind::TooLarge,
            Self::UnknownProvider { .. } => ErrorKind::NotFound,
            Self::ProviderFailed { report, .. } => report.kind,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &str {
        match self {
            Self::SamplingOutOfRange { .. } => "sampling_invalid",
            Self::CorrelationIdMalformed { .. } => "correlation_id_malformed",
            Self::AmountMalformed { .. } => "amount_malformed",
            Self::DateMalformed { .. } => "date_malformed",
            Self::CapabilityUnknown { .. } => "capability_unknown",
            Self::OutputExceeded { .. } => "output_exceeded",
            Self::ContextExceeded { .. } => "context_exceeded",
            Self::UnknownProvider { .. } => "provider_unknown",
            Self::ProviderNameTaken { .. } => "provider_name_taken",
            Self::ProviderNameMalformed { .. } => "provider_name_malformed",
            Self::ProvidersTooMany { .. } => "providers_too_many",
            Self::ProviderTypeMismatch { .. } => "provider_type_mismatch",
            Self::ProviderFailed { report, .. } => &report.code,
        }
    }

    /// The one error shape that crosses crates.
    pub fn report(&self) -> ErrorReport {
        let mut report = ErrorReport::of(self.kind(), self.code(), self);
        if let Self::ProviderFailed { report: inner, .. } = self {
            report.retryable = inner.retryable;
            report.causes.clone_from(&inner.causes);
        }
        report
    }
}

fn capabilities() -> String {
    crate::Capability::ALL.map(crate::Capability::as_str).join(", ")
}

fn suggested(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", names.join(" or "))
}

/// The kinds of failure that a caller may want to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself is wrong.
    InvalidRequest,
    /// The thing asked for does not exist.
    NotFound,
    /// It exists, and this build or machine cannot do it.
    Unsupported,
    /// A file or message from outside is damaged.
    Malformed,
    /// It does not fit: context, memory, disk.
    TooLarge,
    /// Too much is asked at once; later it may work.
    Busy,
    /// It took too long.
    Timeout,
    /// Somebody cancelled it.
    Cancelled,
    /// The network failed.
    Network,
    /// The file system failed.
    Io,
    /// A defect of ours.
    Internal,
}

impl ErrorKind {
    /// Whether the same call may succeed later.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Busy | Self::Timeout | Self::Network)
    }
}

/// One failure, told the same way everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// A stable name for programs, such as `context_exceeded`.
    pub code: String,
    /// A sentence for people, with the remedy where there is one.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// The id of the request that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// What led to it, nearest cause first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

impl ErrorReport {
    /// A report without causes.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            retryable: kind.is_retryable(),
            correlation_id: None,
            causes: Vec::new(),
        }
    }

    /// A report of an error value: its text, and the texts of its sources as causes.
    pub fn of(kind: ErrorKind, code: impl Into<String>, error: &dyn std::error::Error) -> Self {
        let mut report = Self::new(kind, code, error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            report.causes.push(cause.to_string());
            source = cause.source();
        }
        report
    }

    /// Names the request that failed.
    #[must_use]
    pub fn correlated(mut self, id: CorrelationId) -> Self {
        self.correlation_id = Some(id);
        self
    }
}

impl fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ErrorReport {}
