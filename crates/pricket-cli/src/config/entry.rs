//! A value and where it came from.

use super::origin::Origin;
use super::value::Value;

/// A value and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The value.
    pub(crate) value: Value,
    /// Where it came from.
    pub(crate) origin: Origin,
}
