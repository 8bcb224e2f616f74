//! What can go wrong between text and token ids.

use std::path::PathBuf;

use pricket_core::ErrorKind;

/// Every failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file or a part of it is not what its format says.
    #[error("malformed {what}: {why}")]
    Malformed {
        /// The part, such as `tokenizer.json model.merges`.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A part is well formed and not supported.
    #[error("unsupported {what} `{value}`; {remedy}")]
    Unsupported {
        /// The part.
        what: &'static str,
        /// Its value in the file.
        value: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// The file names a way of splitting text that this build does not know.
    #[error(
        "unknown GGUF pre-tokeniser `{name}` (tokenizer.ggml.pre); give the model's tokenizer.json \
         instead, since a guess would give wrong token ids"
    )]
    PreTokenizerUnknown {
        /// The name, as in `tokenizer.ggml.pre`.
        name: String,
    },
    /// A count or a length is past its limit.
    #[error("{what} is {found}, but the limit is {limit}")]
    TooLarge {
        /// What is too large, with its unit.
        what: &'static str,
        /// Its size.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// An id that no token has.
    #[error("token id {id} is not in the vocabulary, whose ids end before {vocab_size}")]
    IdUnknown {
        /// The id.
        id: u32,
        /// One past the largest id.
        vocab_size: usize,
    },
    /// The text could not be encoded.
    #[error("cannot encode the text: {why}")]
    Encode {
        /// What the vocabulary or its splitting rules said.
        why: String,
    },
    /// A rendering was made without the special tokens of the tokenizer that shall encode it.
    #[error(
        "the rendering does not guard the special token `{token}`; make the template with this \
         tokenizer's `special_tokens()`"
    )]
    RenderingUnguarded {
        /// A special token that the rendering does not guard.
        token: String,
    },
    /// The template is not valid Jinja.
    #[error("the chat template does not compile: {why}")]
    TemplateSyntax {
        /// The place and the reason.
        why: String,
    },
    /// The template itself refused the messages, by `raise_exception`.
    #[error("{message}")]
    TemplateRaised {
        /// The template's own words.
        message: String,
    },
    /// The template failed while it ran.
    #[error("the chat template failed: {why}")]
    TemplateRender {
        /// The place and the reason.
        why: String,
    },
    /// The request cannot be rendered as it stands.
    #[error("cannot render the messages: {why}")]
    RenderRequest {
        /// What is wrong with the request.
        why: &'static str,
    },
}

impl TokenizerError {
    /// The kind of failure, for [`pricket_core::ErrorReport`].
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            Self::Read { .. } => ErrorKind::Io,
            Self::Malformed { .. } | Self::TemplateSyntax { .. } => ErrorKind::Malformed,
            Self::Unsupported { .. } | Self::PreTokenizerUnknown { .. } => ErrorKind::Unsupported,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::IdUnknown { .. }
            | Self::Encode { .. }
            | Self::TemplateRaised { .. }
            | Self::TemplateRender { .. }
            | Self::RenderRequest { .. } => ErrorKind::InvalidRequest,
            Self::RenderingUnguarded { .. } => ErrorKind::Internal,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "tokenizer_read",
            Self::Malformed { .. } => "tokenizer_malformed",
            Self::Unsupported { .. } => "tokenizer_unsupported",
            Self::PreTokenizerUnknown { .. } => "pre_tokenizer_unknown",
            Self::TooLarge { .. } => "tokenizer_too_large",
            Self::IdUnknown { .. } => "token_id_unknown",
            Self::Encode { .. } => "encode_failed",
            Self::RenderingUnguarded { .. } => "rendering_unguarded",
            Self::TemplateSyntax { .. } => "template_syntax",
            Self::TemplateRaised { .. } => "template_raised",
            Self::TemplateRender { .. } => "template_failed",
            Self::RenderRequest { .. } => "render_request_invalid",
        }
    }
}

/// What this crate's constructors and pure functions return.
pub type Result<T> = std::result::Result<T, TokenizerError>;

/// A [`TokenizerError::Malformed`].
pub(crate) fn malformed(what: &'static str, why: impl Into<String>) -> TokenizerError {
    TokenizerError::Malformed { what, why: why.into() }
}

/// Holds a size against its limit.
pub(crate) fn within(what: &'static str, found: usize, limit: usize) -> Result<()> {
    if found > limit { Err(TokenizerError::TooLarge { what, found, limit }) } else { Ok(()) }
}
