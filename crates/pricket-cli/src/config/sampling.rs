//! The knobs of sampling, as the library takes them.

use pricket::core::{LogitBias, SamplerOrder, SamplingParams};

use super::setting::Setting;
use super::value::Value;
use super::{Config, kind, table};

impl Config {
    /// The knobs of sampling; what is not set falls to the model's own.
    pub(crate) fn sampling(&self) -> SamplingParams {
        SamplingParams {
            temperature: self.number(&table::TEMPERATURE),
            dynatemp_range: self.number(&table::DYNATEMP_RANGE),
            dynatemp_exponent: self.number(&table::DYNATEMP_EXPONENT),
            top_k: self.count(&table::TOP_K),
            top_p: self.number(&table::TOP_P),
            min_p: self.number(&table::MIN_P),
            typical_p: self.number(&table::TYPICAL_P),
            top_n_sigma: self.number(&table::TOP_N_SIGMA),
            xtc_probability: self.number(&table::XTC_PROBABILITY),
            xtc_threshold: self.number(&table::XTC_THRESHOLD),
            repetition_penalty: self.number(&table::REPETITION_PENALTY),
            frequency_penalty: self.number(&table::FREQUENCY_PENALTY),
            presence_penalty: self.number(&table::PRESENCE_PENALTY),
            penalty_last_n: self.count(&table::PENALTY_LAST_N),
            dry_multiplier: self.number(&table::DRY_MULTIPLIER),
            dry_base: self.number(&table::DRY_BASE),
            dry_allowed_length: self.count(&table::DRY_ALLOWED_LENGTH),
            dry_penalty_last_n: self.count(&table::DRY_PENALTY_LAST_N),
            dry_sequence_breakers: self
                .given_texts(&table::DRY_SEQUENCE_BREAKERS)
                .map(|texts| texts.to_vec().into()),
            mirostat: self.count(&table::MIROSTAT).and_then(|version| version.try_into().ok()),
            mirostat_tau: self.number(&table::MIROSTAT_TAU),
            mirostat_eta: self.number(&table::MIROSTAT_ETA),
            logit_bias: self.logit_bias(),
            bad_words: self
                .given_texts(&table::BAD_WORDS)
                .map(|words| words.iter().filter_map(|word| kind::ids(word)).collect()),
            min_tokens: self.count(&table::MIN_TOKENS),
            samplers: self.samplers(),
            seed: match self.value(&table::SEED) {
                Some(Value::Count(seed)) => Some(*seed),
                _ => None,
            },
        }
    }

    /// A list that somebody set, also an empty one.
    fn given_texts(&self, setting: &Setting) -> Option<&[String]> {
        self.value(setting).map(|_| self.texts(setting))
    }

    /// What is added to logits. Every text was read before, so none is lost here.
    fn logit_bias(&self) -> Option<LogitBias> {
        let biases = self.given_texts(&table::LOGIT_BIAS)?;
        LogitBias::new(biases.iter().filter_map(|text| kind::bias(text))).ok()
    }

    /// The chain, also an empty one; its text was read before.
    fn samplers(&self) -> Option<SamplerOrder> {
        match self.value(&table::SAMPLERS) {
            Some(Value::Text(names)) => names.parse().ok(),
            _ => None,
        }
    }
}
