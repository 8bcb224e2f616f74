//! Values of settings, and what may be seen of them.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use pricket::core::{ByteSize, without_userinfo};
use serde_json::Value as Json;

use crate::limits::MISTAKE_CHARS_MAX;

/// The value of a setting.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Yes or no.
    Switch(bool),
    /// A whole number.
    Count(u64),
    /// A number with a fraction.
    Number(f32),
    /// A number of bytes.
    Size(ByteSize),
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// A file or a folder.
    Path(PathBuf),
    /// A text that is not shown.
    Secret(Secret),
}

/// A text that neither `Debug` nor anything else here shows; only [`Value::spelled`] gives it out,
/// to the hub.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// Takes it in.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Value {
    /// As an environment variable would spell it. This is the one way to a secret, and to who reads
    /// an address.
    pub(crate) fn spelled(&self) -> OsString {
        match self {
            Self::Switch(on) => if *on { "1" } else { "0" }.into(),
            Self::Size(ByteSize(bytes)) => bytes.to_string().into(),
            Self::Secret(Secret(text)) | Self::Text(text) => text.into(),
            Self::Path(path) => path.into(),
            other => other.to_string().into(),
        }
    }

    /// As JSON, secrets as `***`, and so who reads an address.
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Switch(on) => Json::from(*on),
            Self::Count(count) => Json::from(*count),
            Self::Size(ByteSize(bytes)) => Json::from(*bytes),
            // By way of its shortest digits, so that 0.7 does not become 0.699999988079071.
            Self::Number(number) => Json::from(number.to_string().parse::<f64>().ok()),
            Self::Texts(texts) => Json::from(texts.as_slice()),
            other => Json::from(other.to_string()),
        }
    }
}

/// To be seen: secrets are `***`, and so is who reads an address.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => on.fmt(f),
            Self::Count(count) => count.fmt(f),
            Self::Size(size) => size.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(&without_userinfo(text)),
            Self::Texts(_) => self.json().fmt(f),
            Self::Path(path) => path.display().fmt(f),
            Self::Secret(secret) => write!(f, "{secret:?}"),
        }
    }
}

/// The beginning of a text that may be long, to tell it in a sentence.
pub(super) fn short(text: &str) -> String {
    cut(text, MISTAKE_CHARS_MAX)
}

/// The first characters of a text, and whether there are more.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
