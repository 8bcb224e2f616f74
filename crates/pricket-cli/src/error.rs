//! Everything that ends this program, each as a sentence, a remedy and an exit code.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use pricket::core::{ByteSize, ErrorKind, ErrorReport};
use pricket::engine::EngineError;
use pricket::hub::HubError;
use pricket::models::ModelError;
use pricket::tokenizer::TokenizerError;

use crate::config::Mistakes;
use crate::limits::{CONFIG_BYTES_MAX, INPUT_BYTES_MAX};

/// Wrong usage; clap exits with the same code.
const EXIT_USAGE: u8 = 2;
const EXIT_FAILURE: u8 = 1;
const EXIT_NOT_FOUND: u8 = 3;
const EXIT_NETWORK: u8 = 4;
const EXIT_MALFORMED: u8 = 5;
/// 128 + SIGINT, as shells count.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// Everything that ends this program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CliError {
    /// Arguments that clap cannot judge.
    #[error("{0}")]
    Usage(String),
    /// What the configuration file or the environment says wrongly.
    #[error("{0}")]
    Config(Mistakes),
    /// More than any configuration holds.
    #[error(
        "the configuration {} is longer than {}; name the right file",
        path.display(), ByteSize(CONFIG_BYTES_MAX)
    )]
    ConfigTooLong {
        /// The file.
        path: PathBuf,
    },
    /// Neither MODEL nor a default one.
    #[error("no model is named, and the configuration has no model.default")]
    ModelMissing,
    /// Neither PROMPT nor standard input.
    #[error("there is no prompt; give one as an argument or pipe a text into standard input")]
    PromptMissing,
    /// A file or standard input cannot be read.
    #[error("cannot read {what}")]
    FileRead {
        /// The file.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {what}")]
    FileWrite {
        /// The file.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// More text than any context holds.
    #[error("{what} holds more than {}; give less text", ByteSize(INPUT_BYTES_MAX))]
    InputTooLong {
        /// The file.
        what: String,
    },
    /// Bytes that are no text.
    #[error("{what} is not UTF-8 text; convert it first")]
    InputNotUtf8 {
        /// The file.
        what: String,
    },
    /// The model's files have no chat template, and none was given.
    #[error("the model has no chat template; give one with --template")]
    TemplateMissing,
    /// A name could not be turned into a file.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A model's files or forward pass.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A vocabulary or a template.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A stream ended with an error.
    #[error("{0}")]
    Report(Box<ErrorReport>),
    /// A stream broke its promise to say how it ended.
    #[error("the answer ended without its last chunk; this is a defect of pricket")]
    EndMissing,
    /// Stdout does not take what is written.
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
    /// The line editor failed.
    #[error("the line editor failed")]
    Editor(#[from] rustyline::error::ReadlineError),
    /// Ctrl-C cannot be taken over.
    #[error("cannot listen for Ctrl-C")]
    Interrupt(#[from] ctrlc::Error),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl CliError {
    /// Whether there is nothing to tell: the reader of stdout went away, or the person at the
    /// keyboard already knows.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self, Self::Interrupted) || self.reader_is_gone()
    }

    fn reader_is_gone(&self) -> bool {
        matches!(self, Self::Output(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The kind of failure.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Usage(_)
            | Self::Config(_)
            | Self::ModelMissing
            | Self::PromptMissing
            | Self::InputNotUtf8 { .. } => ErrorKind::InvalidRequest,
            Self::FileRead { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            Self::FileRead { .. } | Self::FileWrite { .. } | Self::Output(_) | Self::Editor(_) => {
                ErrorKind::Io
            }
            Self::InputTooLong { .. } | Self::ConfigTooLong { .. } => ErrorKind::TooLarge,
            Self::TemplateMissing => ErrorKind::Unsupported,
            Self::Hub(error) => error.kind(),
            Self::Model(error) => error.kind(),
            Self::Tokenizer(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::Report(report) => report.kind,
            Self::EndMissing | Self::Interrupt(_) => ErrorKind::Internal,
            Self::Interrupted => ErrorKind::Cancelled,
        }
    }

    /// A stable name for programs.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Usage(_) => "usage",
            Self::Config(_) => "config_invalid",
            Self::ConfigTooLong { .. } => "config_too_long",
            Self::ModelMissing => "model_missing",
            Self::PromptMissing => "prompt_missing",
            Self::FileRead { .. } => "file_unreadable",
            Self::FileWrite { .. } => "file_unwritable",
            Self::InputTooLong { .. } => "input_too_long",
            Self::InputNotUtf8 { .. } => "input_not_utf8",
            Self::TemplateMissing => "template_missing_here",
            Self::Hub(error) => error.code(),
            Self::Model(error) => error.code(),
            Self::Tokenizer(error) => error.code(),
            Self::Engine(error) => error.code(),
            Self::Report(report) => &report.code,
            Self::EndMissing => "end_missing",
            Self::Output(_) => "output_failed",
            Self::Editor(_) => "editor_failed",
            Self::Interrupt(_) => "interrupt_failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// The exit code, as `--help` lists them.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.reader_is_gone() {
            return 0;
        }
        match self.kind() {
            _ if matches!(self, Self::Interrupted) => EXIT_INTERRUPTED,
            ErrorKind::InvalidRequest => EXIT_USAGE,
            ErrorKind::NotFound => EXIT_NOT_FOUND,
            ErrorKind::Network | ErrorKind::Timeout => EXIT_NETWORK,
            ErrorKind::Malformed | ErrorKind::Unsupported => EXIT_MALFORMED,
            _ => EXIT_FAILURE,
        }
    }

    /// The same failure in the shape that streams and programs know.
    pub(crate) fn report(&self) -> ErrorReport {
        match self {
            Self::Report(report) => (**report).clone(),
            other => ErrorReport::of(other.kind(), other.code(), other),
        }
    }

    /// What led to it, nearest cause first.
    pub(crate) fn causes(&self) -> Vec<String> {
        if let Self::Report(report) = self {
            return report.causes.clone();
        }
        let mut causes = Vec::new();
        let mut source = self.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        causes
    }

    /// What to do about it, where the sentence itself does not say so.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        match self.code() {
            "model_not_found" => Some(
                "give an alias (`smollm2:135m`), hf:ORG/REPO/FILE, a .gguf file, or a folder with \
                 config.json; `pricket list` shows what is on disk",
            ),
            "model_unknown" => Some("`pricket models` shows the known names"),
            "model_data_unreadable" => Some("PRICKET_MODEL_DATA or hub.model_data names it"),
            "models_unlisted" => Some("PRICKET_MODELS or hub.models names it"),
            "certificates_unreadable" => Some("SSL_CERT_FILE names it"),
            "config_invalid" => Some("`pricket config example` shows every setting"),
            "model_missing" => Some("name one, or write it into the file of `pricket config path`"),
            "model_malformed" => Some("download the file again, or convert it again"),
            "context_exceeded" => Some("--context sets it, up to what the model was trained for"),
            "io" => Some("PRICKET_CACHE and HF_HOME name the folders that models are kept in"),
            "memory_exceeded" => Some(
                "give a smaller --context, or take a smaller quantisation; where the system's word \
                 is wrong, --memory says how much there is",
            ),
            "experts_memory" => Some("give more by --experts-memory, or leave it away"),
            "template_missing" => {
                Some("`run --raw` continues the prompt without one, `--template` gives one")
            }
            _ => None,
        }
    }
}
