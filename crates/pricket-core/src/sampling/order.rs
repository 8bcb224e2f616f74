//! The chain of samplers, and its order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::CoreError;

/// A sampler that may stand anywhere in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SamplerKind {
    /// Repetition, frequency and presence.
    Penalties,
    /// Don't repeat yourself.
    Dry,
    /// So many standard deviations below the largest logit.
    TopNSigma,
    /// So many tokens.
    TopK,
    /// Tokens of about the expected surprise; llama.cpp's `typ_p`.
    #[serde(alias = "typ_p")]
    TypicalP,
    /// So much probability.
    TopP,
    /// Such a share of the likeliest token's probability.
    MinP,
    /// Exclude top choices.
    Xtc,
    /// The temperature, also the dynamic one.
    Temperature,
}

impl SamplerKind {
    /// All of them, in the order of [`SamplerOrder::default`].
    pub const ALL: [Self; 9] = [
        Self::Penalties,
        Self::Dry,
        Self::TopNSigma,
        Self::TopK,
        Self::TypicalP,
        Self::TopP,
        Self::MinP,
        Self::Xtc,
        Self::Temperature,
    ];

    /// Its name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Penalties => "penalties",
            Self::Dry => "dry",
            Self::TopNSigma => "top_n_sigma",
            Self::TopK => "top_k",
            Self::TypicalP => "typical_p",
            Self::TopP => "top_p",
            Self::MinP => "min_p",
            Self::Xtc => "xtc",
            Self::Temperature => "temperature",
        }
    }
}

impl FromStr for SamplerKind {
    type Err = CoreError;

    fn from_str(text: &str) -> Result<Self, CoreError> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        let known = known.or_else(|| (text == "typ_p").then_some(Self::TypicalP));
        known.ok_or_else(|| CoreError::SamplerUnknown { text: text.chars().take(64).collect() })
    }
}

/// Which samplers run, and in which order; each at most once. The default is llama.cpp's: all of
/// them, as [`SamplerKind::ALL`] has them. Bias, bans and the minimum of tokens come before the
/// chain whatever it is, and the draw comes behind it. A sampler that does not stand in it does
/// nothing, whatever its knobs say.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<SamplerKind>", into = "Vec<SamplerKind>")]
pub struct SamplerOrder {
    /// Behind `len` all are the first kind, so that equal orders are equal.
    kinds: [SamplerKind; SamplerKind::ALL.len()],
    len: usize,
}

impl SamplerOrder {
    /// The chain of these, in this order.
    ///
    /// # Errors
    /// [`CoreError::SamplerRepeated`].
    pub fn new(kinds: &[SamplerKind]) -> Result<Self, CoreError> {
        let mut order = Self { kinds: [SamplerKind::Penalties; SamplerKind::ALL.len()], len: 0 };
        for &kind in kinds {
            let repeated = CoreError::SamplerRepeated { name: kind.as_str() };
            if order.as_slice().contains(&kind) {
                return Err(repeated);
            }
            // As many places as kinds, and no kind stands twice.
            *order.kinds.get_mut(order.len).ok_or(repeated)? = kind;
            order.len += 1;
        }
        Ok(order)
    }

    /// The samplers, first to last.
    pub fn as_slice(&self) -> &[SamplerKind] {
        self.kinds.get(..self.len).unwrap_or_default()
    }
}

impl Default for SamplerOrder {
    fn default() -> Self {
        Self { kinds: SamplerKind::ALL, len: SamplerKind::ALL.len() }
    }
}

impl TryFrom<Vec<SamplerKind>> for SamplerOrder {
    type Error = CoreError;

    fn try_from(kinds: Vec<SamplerKind>) -> Result<Self, CoreError> {
        Self::new(&kinds)
    }
}

impl From<SamplerOrder> for Vec<SamplerKind> {
    fn from(order: SamplerOrder) -> Self {
        order.as_slice().to_vec()
    }
}

/// Names with semicolons between them, as llama.cpp's `--samplers` takes them; nothing at all is
/// the empty chain.
impl FromStr for SamplerOrder {
    type Err = CoreError;

    fn from_str(text: &str) -> Result<Self, CoreError> {
        if text.trim().is_empty() {
            return Self::new(&[]);
        }
        let kinds: Result<Vec<_>, _> = text.split(';').map(|name| name.trim().parse()).collect();
        Self::new(&kinds?)
    }
}

impl fmt::Display for SamplerOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, kind) in self.as_slice().iter().enumerate() {
            write!(f, "{}{}", if place == 0 { "" } else { ";" }, kind.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for SamplerOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}
