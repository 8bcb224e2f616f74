//! Which values of the knobs have a meaning.

use super::SamplingParams;
use crate::{CoreError, limits};

impl SamplingParams {
    /// Refuses values that have no meaning: NaN, negative temperatures, probabilities out of range,
    /// empty words.
    ///
    /// # Errors
    /// [`CoreError::SamplingOutOfRange`], [`CoreError::SamplingListTooLong`] and
    /// [`CoreError::SamplingEntryLength`].
    pub fn validate(&self) -> Result<(), CoreError> {
        self.check_temperatures()?;
        self.check_filters()?;
        self.check_penalties()?;
        self.check_lists()
    }

    fn check_temperatures(&self) -> Result<(), CoreError> {
        check("temperature", self.temperature, not_negative, "0 or more")?;
        check("dynatemp_range", self.dynatemp_range, not_negative, "0 or more")?;
        check("dynatemp_exponent", self.dynatemp_exponent, not_negative, "0 or more")?;
        check("mirostat", self.mirostat.map(f32::from), |v| v <= 2.0, "0, 1 or 2")?;
        check("mirostat_tau", self.mirostat_tau, not_negative, "0 or more")?;
        check("mirostat_eta", self.mirostat_eta, not_negative, "0 or more")
    }

    fn check_filters(&self) -> Result<(), CoreError> {
        let (share, fraction) = ("more than 0 and at most 1", "between 0 and 1");
        check("top_p", self.top_p, |v| v > 0.0 && v <= 1.0, share)?;
        check("min_p", self.min_p, is_fraction, fraction)?;
        check("typical_p", self.typical_p, |v| v > 0.0 && v <= 1.0, share)?;
        check("top_n_sigma", self.top_n_sigma, not_negative, "0 or more")?;
        check("xtc_probability", self.xtc_probability, is_fraction, fraction)?;
        check("xtc_threshold", self.xtc_threshold, is_fraction, fraction)
    }

    fn check_penalties(&self) -> Result<(), CoreError> {
        check("repetition_penalty", self.repetition_penalty, |v| v > 0.0, "more than 0")?;
        check("frequency_penalty", self.frequency_penalty, |_| true, "finite")?;
        check("presence_penalty", self.presence_penalty, |_| true, "finite")?;
        check("dry_multiplier", self.dry_multiplier, not_negative, "0 or more")?;
        check("dry_base", self.dry_base, |v| v >= 1.0, "1 or more")
    }

    fn check_lists(&self) -> Result<(), CoreError> {
        if let Some(breakers) = &self.dry_sequence_breakers {
            let lengths = breakers.iter().map(String::len);
            let max = (limits::DRY_BREAKERS_MAX, limits::DRY_BREAKER_BYTES_MAX);
            check_entries("dry_sequence_breakers", lengths, max)?;
        }
        if let Some(words) = &self.bad_words {
            let max = (limits::BAD_WORDS_MAX, limits::BAD_WORD_TOKENS_MAX);
            check_entries("bad_words", words.iter().map(Vec::len), max)?;
        }
        Ok(())
    }
}

fn not_negative(value: f32) -> bool {
    value >= 0.0
}

fn is_fraction(value: f32) -> bool {
    (0.0..=1.0).contains(&value)
}

fn check(
    name: &'static str,
    value: Option<f32>,
    ok: fn(f32) -> bool,
    want: &'static str,
) -> Result<(), CoreError> {
    match value {
        Some(value) if !value.is_finite() || !ok(value) => {
            Err(CoreError::SamplingOutOfRange { name, value, want })
        }
        _ => Ok(()),
    }
}

/// Holds a list and the lengths of its entries to the most entries and their largest length.
fn check_entries(
    name: &'static str,
    mut lengths: impl ExactSizeIterator<Item = usize>,
    (count_max, length_max): (usize, usize),
) -> Result<(), CoreError> {
    let count = lengths.len();
    if count > count_max {
        return Err(CoreError::SamplingListTooLong { name, count, max: count_max });
    }
    match lengths.find(|length| !(1..=length_max).contains(length)) {
        Some(length) => Err(CoreError::SamplingEntryLength { name, length, max: length_max }),
        None => Ok(()),
    }
}
