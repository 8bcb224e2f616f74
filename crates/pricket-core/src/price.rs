//! Money in whole micro-dollars, what a model's tokens cost, and on which day that was known.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CoreError, Usage};

/// Micro-dollars in a dollar, and tokens in the unit that prices are given for.
const MILLION: u64 = 1_000_000;

/// An amount of US dollars in millionths. Read and written as a decimal text, `2.50`, so that no
/// binary fraction ever stands between a price list and a bill.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct MicroDollars(pub u64);

/// What a provider asks, in US dollars for a million tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// For prompt tokens that are computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<MicroDollars>,
    /// For prompt tokens that the provider finds in its cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<MicroDollars>,
    /// For generated tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<MicroDollars>,
    /// The day on which this was the price. It may have changed since.
    pub as_of: PriceDate,
}

/// A day of the Gregorian calendar, `2026-11-21` (ISO 8601).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PriceDate {
    year: u16,
    month: u8,
    day: u8,
}

impl Price {
    /// What a request cost. The three kinds of tokens are priced exactly and summed, and the sum is
    /// rounded once to the nearest micro-dollar, halves up.
    ///
    /// `None` where tokens were used whose price is not known, where the usage contradicts itself
    /// (more cached tokens than prompt tokens), and past 2^64 micro-dollars.
    pub fn cost(&self, usage: &Usage) -> Option<MicroDollars> {
        rounded(self.exact_cost(usage)?)
    }

    /// The cost before it is rounded, in millionths of a micro-dollar.
    pub(crate) fn exact_cost(&self, usage: &Usage) -> Option<u128> {
        let computed = usage.prompt_tokens.checked_sub(usage.cached_tokens)?;
        let parts = [
            (computed, self.input),
            (usage.cached_tokens, self.cached_input),
            (usage.completion_tokens, self.output),
        ];
        parts.into_iter().try_fold(0u128, |sum, (tokens, rate)| match (tokens, rate) {
            (0, _) => Some(sum),
            (_, None) => None,
            (tokens, Some(rate)) => sum.checked_add(tokens as u128 * u128::from(rate.0)),
        })
    }
}

/// Millionths of a micro-dollar to the nearest micro-dollar, halves up.
pub(crate) fn rounded(exact: u128) -> Option<MicroDollars> {
    let whole = exact.checked_add(u128::from(MILLION / 2))? / u128::from(MILLION);
    u64::try_from(whole).ok().map(MicroDollars)
}

impl fmt::Display for MicroDollars {
    /// `$2.50`, `$0.000123`: two decimals, and as many more as it takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", String::from(*self))
    }
}

impl From<MicroDollars> for String {
    fn from(amount: MicroDollars) -> Self {
        let mut text = format!("{}.{:06}", amount.0 / MILLION, amount.0 % MILLION);
        let zeros = text.len() - text.trim_end_matches('0').len();
        text.truncate(text.len() - zeros.min(4));
        text
    }
}

impl FromStr for MicroDollars {
    type Err = CoreError;

    /// Reads digits, a point, and up to six digits more.
    fn from_str(text: &str) -> Result<Self, CoreError> {
        let malformed = || CoreError::AmountMalformed { text: text.chars().take(64).collect() };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return Err(malformed());
        }
        let whole: u64 = whole.parse().map_err(|_| malformed())?;
        let fraction: u64 = format!("{fraction:0<6}").parse().map_err(|_| malformed())?;
        let sum = whole.checked_mul(MILLION).and_then(|whole| whole.checked_add(fraction));
        sum.map(Self).ok_or_else(malformed)
    }
}

impl TryFrom<String> for MicroDollars {
    type Error = CoreError;

    fn try_from(text: String) -> Result<Self, CoreError> {
        text.parse()
    }
}

impl fmt::Display for PriceDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl From<PriceDate> for String {
    fn from(date: PriceDate) -> Self {
        date.to_string()
    }
}

impl FromStr for PriceDate {
    type Err = CoreError;

    fn from_str(text: &str) -> Result<Self, CoreError> {
        let malformed = || CoreError::DateMalformed { text: text.chars().take(64).collect() };
        let mut parts = text.split('-');
        let mut part = |width: usize| {
            let digits = parts.next()?;
            let plain = digits.len() == width && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse::<u16>().ok())?
        };
        let date = (part(4), part(2), part(2));
        let (Some(year), Some(month), Some(day)) = date else { return Err(malformed()) };
        if parts.next().is_some() || day == 0 || day > days_in_month(year, month) {
            return Err(malformed());
        }
        Ok(Self { year, month: month as u8, day: day as u8 })
    }
}

impl TryFrom<String> for PriceDate {
    type Error = CoreError;

    fn try_from(text: String) -> Result<Self, CoreError> {
        text.parse()
    }
}

/// 0 for what is no month.
fn days_in_month(year: u16, month: u16) -> u16 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}
