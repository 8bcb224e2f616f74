//! Metadata by key, with typed getters whose errors name the key.

use super::value::{GgufArray, GgufValue, Strings};
use crate::ModelError;
use crate::tensor_source::{NameIndex, label};

/// The metadata of a GGUF file, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GgufMetadata {
    entries: Vec<(String, GgufValue)>,
    index: NameIndex,
}

impl GgufMetadata {
    /// Metadata from its entries; a key that is there twice is refused.
    pub(super) fn new(entries: Vec<(String, GgufValue)>) -> Result<Self, ModelError> {
        match NameIndex::build(&entries, |(key, _)| key) {
            Ok(index) => Ok(Self { entries, index }),
            Err(place) => {
                let key = entries.get(place).map_or_else(String::new, |(key, _)| label(key));
                Err(ModelError::Metadata { key, why: "is there twice".to_owned() })
            }
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All keys and values, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &GgufValue)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value of a key, whatever its type.
    pub fn get(&self, key: &str) -> Option<&GgufValue> {
        self.index.find(&self.entries, key, |(key, _)| key).map(|(_, value)| value)
    }

    /// The value of a key that may be absent.
    ///
    /// # Errors
    /// [`ModelError::Metadata`] where it is there with another type or does not fit.
    pub fn find<'a, T: FromGguf<'a>>(&'a self, key: &str) -> Result<Option<T>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match T::from_gguf(value) {
            Some(found) => Ok(Some(found)),
            None => Err(ModelError::Metadata {
                key: label(key),
                why: match value.as_integer() {
                    Some(number) => format!("is {number}, but {} is expected", T::WANTED),
                    None => format!("is {}, but {} is expected", value.what(), T::WANTED),
                },
            }),
        }
    }

    /// The value of a key that must be there.
    ///
    /// # Errors
    /// [`ModelError::Metadata`] where it is missing, has another type or does not fit.
    pub fn require<'a, T: FromGguf<'a>>(&'a self, key: &str) -> Result<T, ModelError> {
        self.find(key)?.ok_or_else(|| ModelError::Metadata {
            key: label(key),
            why: format!("is missing; {} is expected", T::WANTED),
        })
    }
}

/// What metadata can be read as: integers of any width that they fit, `f32`, `bool`, `&str`,
/// [`Strings`], and lists.
pub trait FromGguf<'a>: Sized + sealed::Sealed {
    /// What is expected, in words.
    const WANTED: &'static str;

    /// The value, where it is of this type and fits.
    fn from_gguf(value: &'a GgufValue) -> Option<Self>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! integers {
    ($($name:ty => $wanted:literal),*) => {$(
        impl sealed::Sealed for $name {}
        impl FromGguf<'_> for $name {
            const WANTED: &'static str = $wanted;

            fn from_gguf(value: &GgufValue) -> Option<Self> {
                value.as_integer().and_then(|number| Self::try_from(number).ok())
            }
        }
    )*};
}

integers! {
    u32 => "an integer from 0 to 2^32 - 1",
    u64 => "an integer from 0 to 2^64 - 1",
    usize => "an integer from 0 to the size of an address",
    i64 => "an integer from -2^63 to 2^63 - 1"
}

impl sealed::Sealed for f32 {}
impl FromGguf<'_> for f32 {
    const WANTED: &'static str = "a finite float";

    fn from_gguf(value: &GgufValue) -> Option<Self> {
        let number = match *value {
            GgufValue::F32(number) => number,
            GgufValue::F64(number) => number as f32,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }
}

impl sealed::Sealed for bool {}
impl FromGguf<'_> for bool {
    const WANTED: &'static str = "a truth value";

    fn from_gguf(value: &GgufValue) -> Option<Self> {
        match *value {
            GgufValue::Bool(truth) => Some(truth),
            _ => None,
        }
    }
}

impl sealed::Sealed for &str {}
impl<'a> FromGguf<'a> for &'a str {
    const WANTED: &'static str = "a string";

    fn from_gguf(value: &'a GgufValue) -> Option<Self> {
        match value {
            GgufValue::String(text) => Some(text),
            _ => None,
        }
    }
}

impl sealed::Sealed for &Strings {}
impl<'a> FromGguf<'a> for &'a Strings {
    const WANTED: &'static str = "an array of strings";

    fn from_gguf(value: &'a GgufValue) -> Option<Self> {
        match value {
            GgufValue::Array(GgufArray::String(texts)) => Some(texts),
            _ => None,
        }
    }
}

impl sealed::Sealed for &[f32] {}
impl<'a> FromGguf<'a> for &'a [f32] {
    const WANTED: &'static str = "an array of 32-bit floats";

    fn from_gguf(value: &'a GgufValue) -> Option<Self> {
        match value {
            GgufValue::Array(GgufArray::F32(numbers)) => Some(numbers),
            _ => None,
        }
    }
}

impl sealed::Sealed for Vec<i32> {}
impl FromGguf<'_> for Vec<i32> {
    const WANTED: &'static str = "an array of 32-bit integers";

    fn from_gguf(value: &GgufValue) -> Option<Self> {
        match value {
            GgufValue::Array(list) => list.to_i32s(),
            _ => None,
        }
    }
}
