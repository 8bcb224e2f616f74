//! A list that is never empty, and that wire formats may write as a scalar.

use serde::{Deserialize, Serialize};

/// One value or several: read from a scalar or a list, written back as a scalar where it is one.
/// An empty list cannot be represented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire<T>", into = "Wire<T>")]
#[serde(bound(serialize = "T: Clone + Serialize", deserialize = "T: Deserialize<'de>"))]
pub struct OneOrMany<T> {
    first: T,
    rest: Vec<T>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    /// A single value.
    pub fn one(value: T) -> Self {
        Self { first: value, rest: Vec::new() }
    }

    /// All values of an iterator, or `None` where it is empty.
    pub fn from_iter_opt(values: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut values = values.into_iter();
        Some(Self { first: values.next()?, rest: values.collect() })
    }

    /// Adds a value at the end.
    pub fn push(&mut self, value: T) {
        self.rest.push(value);
    }

    /// The first value.
    pub fn first(&self) -> &T {
        &self.first
    }

    /// How many there are: one or more.
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        1 + self.rest.len()
    }

    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

impl<T> IntoIterator for OneOrMany<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::iter::Once<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.first).chain(self.rest)
    }
}

impl<T> TryFrom<Wire<T>> for OneOrMany<T> {
    type Error = &'static str;

    fn try_from(wire: Wire<T>) -> Result<Self, Self::Error> {
        match wire {
            Wire::One(value) => Ok(Self::one(value)),
            Wire::Many(values) => Self::from_iter_opt(values).ok_or("the list must not be empty"),
        }
    }
}

impl<T> From<OneOrMany<T>> for Wire<T> {
    fn from(values: OneOrMany<T>) -> Self {
        if values.rest.is_empty() {
            Self::One(values.first)
        } else {
            Self::Many(values.into_iter().collect())
        }
    }
}
