//! Which values a setting takes, and how they are read from text.

use std::path::PathBuf;

use pricket::core::{ByteSize, LogitBias, SamplerKind, SamplerOrder};

use super::value::{Secret, Value};
use crate::logging;

/// Which values a setting takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Yes or no.
    Switch,
    /// A whole number.
    Count {
        /// The least one.
        min: u64,
        /// The largest one.
        max: u64,
    },
    /// A number with a fraction.
    Number(Bounds),
    /// A number of bytes, with its unit.
    Size,
    /// A text.
    Text {
        /// Whether it may be empty, which then means none.
        empty: bool,
    },
    /// Texts, none of them empty.
    Texts,
    /// Texts of this form.
    Each(Form),
    /// A chain of samplers.
    Samplers,
    /// A file or a folder.
    Path {
        /// Whether it may be empty, which then means none.
        empty: bool,
    },
    /// A model by its name; in the file it may also be a path from there.
    Model,
    /// Which logs to write.
    Filter,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A text that is never shown.
    Secret,
}

/// Between what a number must lie; it is finite in any case.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bounds {
    /// Anywhere.
    Any,
    /// 0 or more.
    NotNegative,
    /// More than 0.
    Positive,
    /// 1 or more.
    OneOrMore,
    /// More than 0 and at most 1.
    Share,
    /// From 0 to 1.
    Fraction,
}

/// What a text of a list says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// A token's id and what is added to its logit.
    Bias,
    /// The ids of tokens.
    Ids,
}

impl Form {
    fn holds(self, text: &str) -> bool {
        match self {
            Self::Bias => bias(text).is_some(),
            Self::Ids => ids(text).is_some(),
        }
    }
}

/// Reads a token's id and what is added to its logit.
pub(crate) fn bias(text: &str) -> Option<(u32, f32)> {
    let (id, bias) = text.split_once('=')?;
    let (id, bias) = (id.trim().parse().ok()?, bias.trim().parse().ok()?);
    LogitBias::new([(id, bias)]).is_ok().then_some((id, bias))
}

/// Reads the ids of tokens, with commas between them.
pub(crate) fn ids(text: &str) -> Option<Vec<u32>> {
    text.split(',').map(|id| id.trim().parse().ok()).collect()
}

impl Bounds {
    fn hold(self, number: f32) -> bool {
        number.is_finite()
            && match self {
                Self::Any => true,
                Self::NotNegative => number >= 0.0,
                Self::Positive => number > 0.0,
                Self::OneOrMore => number >= 1.0,
                Self::Share => number > 0.0 && number <= 1.0,
                Self::Fraction => (0.0..=1.0).contains(&number),
            }
    }
}

impl Kind {
    /// A whole number of `min` or more.
    pub(crate) const fn count_from(min: u64) -> Self {
        Self::Count { min, max: u64::MAX }
    }

    /// What a value must be, to follow "is not" or "must be".
    pub(crate) fn wanted(self) -> String {
        match self {
            Self::Switch => "true or false".to_owned(),
            Self::Count { min, max: u64::MAX } => format!("a whole number of {min} or more"),
            Self::Count { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number(Bounds::Any) => "a finite number".to_owned(),
            Self::Number(Bounds::NotNegative) => "a number of 0 or more".to_owned(),
            Self::Number(Bounds::Positive) => "a number more than 0".to_owned(),
            Self::Number(Bounds::OneOrMore) => "a number of 1 or more".to_owned(),
            Self::Number(Bounds::Share) => "a number more than 0 and at most 1".to_owned(),
            Self::Number(Bounds::Fraction) => "a number from 0 to 1".to_owned(),
            Self::Size => "a size with its unit, such as 6GiB".to_owned(),
            Self::Text { empty: true } | Self::Path { empty: true } => "a text".to_owned(),
            Self::Text { empty: false }
            | Self::Path { empty: false }
            | Self::Texts
            | Self::Model
            | Self::Secret => "a nonempty text".to_owned(),
            Self::Each(Form::Bias) => "a token's id and a number, such as 15043=-100".to_owned(),
            Self::Each(Form::Ids) => "token ids with commas between them".to_owned(),
            Self::Samplers => {
                let names = SamplerKind::ALL.map(SamplerKind::as_str).join(", ");
                format!("names of samplers with semicolons between them, each once: {names}")
            }
            Self::Filter => "a log filter such as info or pricket_hub=debug".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
        }
    }

    /// The same in the file, which takes lists.
    pub(crate) fn wanted_in_file(self) -> String {
        match self {
            Self::Texts => "a list of nonempty texts".to_owned(),
            Self::Each(_) => format!("a list of texts, each {}", self.wanted()),
            other => other.wanted(),
        }
    }

    /// Reads a value as a flag, a variable or a number of the file spells it; `None` where it is
    /// not [what is wanted](Self::wanted).
    pub(crate) fn parse(self, text: &str) -> Option<Value> {
        match self {
            Self::Switch => switch(text).map(Value::Switch),
            Self::Count { min, max } => {
                text.parse().ok().filter(|count| (min..=max).contains(count)).map(Value::Count)
            }
            Self::Number(bounds) => {
                text.parse().ok().filter(|&number| bounds.hold(number)).map(Value::Number)
            }
            Self::Size => text.parse().ok().map(|ByteSize(bytes)| Value::Size(ByteSize(bytes))),
            Self::Choice(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
            Self::Filter => logging::is_filter(text).then(|| Value::Text(text.to_owned())),
            Self::Model => Self::Text { empty: false }.parse(text),
            Self::Text { empty } => {
                (empty || !text.is_empty()).then(|| Value::Text(text.to_owned()))
            }
            Self::Path { empty } => {
                (empty || !text.is_empty()).then(|| Value::Path(PathBuf::from(text)))
            }
            Self::Texts => (!text.is_empty()).then(|| Value::Texts(vec![text.to_owned()])),
            Self::Each(form) => form.holds(text).then(|| Value::Texts(vec![text.to_owned()])),
            Self::Samplers => {
                text.parse::<SamplerOrder>().is_ok().then(|| Value::Text(text.to_owned()))
            }
            Self::Secret => (!text.is_empty()).then(|| Value::Secret(Secret::new(text))),
        }
    }

    /// Whether an empty text is a value, and not the lack of one.
    pub(crate) fn takes_empty(self) -> bool {
        matches!(self, Self::Text { empty: true } | Self::Path { empty: true })
    }

    /// Whether a value may be shown, also a wrong one.
    pub(crate) fn is_secret(self) -> bool {
        matches!(self, Self::Secret)
    }
}

/// Yes or no, in the words that the Hugging Face tools take as well.
fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}
