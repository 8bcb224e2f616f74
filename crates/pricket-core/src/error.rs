//! What can be wrong with the words themselves.

mod report;

pub use report::{ErrorKind, ErrorReport};

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
    /// A list of a sampling knob with too many entries.
    #[error("{name} has {count} entries, but takes at most {max}")]
    SamplingListTooLong {
        /// The knob.
        name: &'static str,
        /// How many it has.
        count: usize,
        /// How many it takes.
        max: usize,
    },
    /// An entry of a sampling knob's list that is empty or too long.
    #[error("an entry of {name} has a length of {length}, but it must be between 1 and {max}")]
    SamplingEntryLength {
        /// The knob.
        name: &'static str,
        /// The entry's length, in tokens or bytes.
        length: usize,
        /// The largest length.
        max: usize,
    },
    /// A text that names no sampler.
    #[error("no sampler is called `{text}`; there are {}", samplers())]
    SamplerUnknown {
        /// The text, cut where it is long.
        text: String,
    },
    /// A sampler that stands twice in the chain.
    #[error("`{name}` stands twice in the chain of samplers; name it once")]
    SamplerRepeated {
        /// The sampler.
        name: &'static str,
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
            | Self::SamplingListTooLong { .. }
            | Self::SamplingEntryLength { .. }
            | Self::SamplerUnknown { .. }
            | Self::SamplerRepeated { .. }
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
            Self::SamplingOutOfRange { .. }
            | Self::SamplingListTooLong { .. }
            | Self::SamplingEntryLength { .. }
            | Self::SamplerUnknown { .. }
            | Self::SamplerRepeated { .. } => "sampling_invalid",
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

fn samplers() -> String {
    crate::SamplerKind::ALL.map(crate::SamplerKind::as_str).join(", ")
}

fn suggested(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", names.join(" or "))
}
