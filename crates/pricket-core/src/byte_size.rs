//! Sizes in bytes, as people write and read them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A size in bytes. It prints with a binary unit (`91.9 MiB`) and reads decimal (`kB`, `MB`, `GB`,
/// `TB`) and binary units (`KiB`, `MiB`, `GiB`, `TiB`), in any case, with or without a space.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no size; write a number and a unit, such as `512 MiB` or `1.5GB`")]
pub struct ByteSizeError {
    /// The text.
    pub text: String,
}

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        for (name, unit) in
            [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        {
            if self.0 >= unit {
                return write!(f, "{:.1} {name}", bytes / unit as f64);
            }
        }
        write!(f, "{} B", self.0)
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ByteSizeError { text: text.to_owned() };
        let trimmed = text.trim();
        let digits =
            trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let (_, scale) =
            UNITS.iter().find(|(name, _)| *name == unit).copied().ok_or_else(malformed)?;
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(scale).map(Self).ok_or_else(malformed);
        }
        let bytes = number.parse::<f64>().map_err(|_| malformed())? * scale as f64;
        // 2^64 as a float; at or above it the cast would saturate silently.
        if bytes < 18_446_744_073_709_551_616.0 { Ok(Self(bytes as u64)) } else { Err(malformed()) }
    }
}
