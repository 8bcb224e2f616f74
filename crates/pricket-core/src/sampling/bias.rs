//! What is added to the logits of single tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::CoreError;

/// What is added to the logits of single tokens, by rising id. -100 or less, negative infinity too,
/// bans a token. A copy shares the list. As JSON it is an object of ids, as `OpenAI` has it:
/// `{"15043": -100, "29991": 1.5}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<u32, f32>", into = "BTreeMap<u32, f32>")]
pub struct LogitBias(Arc<[(u32, f32)]>);

impl LogitBias {
    /// From here down a token is banned.
    pub const BAN: f32 = -100.0;

    /// The biases of these tokens; of two for one token the later counts. What bans becomes
    /// [`BAN`](Self::BAN).
    ///
    /// # Errors
    /// [`CoreError::SamplingOutOfRange`]: a bias is NaN or positive infinity.
    pub fn new(biases: impl IntoIterator<Item = (u32, f32)>) -> Result<Self, CoreError> {
        let mut sorted = BTreeMap::new();
        for (id, value) in biases {
            if value.is_nan() || value == f32::INFINITY {
                let (name, want) = ("logit_bias", "a finite number or negative infinity");
                return Err(CoreError::SamplingOutOfRange { name, value, want });
            }
            sorted.insert(id, value.max(Self::BAN));
        }
        Ok(Self(sorted.into_iter().collect()))
    }

    /// The tokens and their biases, by rising id.
    pub fn as_slice(&self) -> &[(u32, f32)] {
        &self.0
    }
}

impl Default for LogitBias {
    fn default() -> Self {
        Self(Arc::new([]))
    }
}

impl TryFrom<BTreeMap<u32, f32>> for LogitBias {
    type Error = CoreError;

    fn try_from(biases: BTreeMap<u32, f32>) -> Result<Self, CoreError> {
        Self::new(biases)
    }
}

impl From<LogitBias> for BTreeMap<u32, f32> {
    fn from(bias: LogitBias) -> Self {
        bias.as_slice().iter().copied().collect()
    }
}
