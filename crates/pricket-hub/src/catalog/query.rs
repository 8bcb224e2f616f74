//! What one looks for in the model data.

use pricket_core::{Capabilities, MicroDollars, ModelInfo};

/// Conditions that a model has to meet, all of them. What is not known of a model meets none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a query does nothing until a catalog is asked"]
pub struct ModelQuery {
    provider: Option<String>,
    capabilities: Capabilities,
    context_min: Option<usize>,
    output_min: Option<usize>,
    input_price_max: Option<MicroDollars>,
    output_price_max: Option<MicroDollars>,
}

impl ModelQuery {
    /// A query that every model meets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Models of this provider.
    pub fn provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Models that can do all of this.
    pub fn capabilities(mut self, wanted: impl Into<Capabilities>) -> Self {
        self.capabilities = wanted.into();
        self
    }

    /// Models with a context of so many tokens or more.
    pub fn context_at_least(mut self, tokens: usize) -> Self {
        self.context_min = Some(tokens);
        self
    }

    /// Models whose answers may have so many tokens or more.
    pub fn output_at_least(mut self, tokens: usize) -> Self {
        self.output_min = Some(tokens);
        self
    }

    /// Models that ask for this or less for a million prompt tokens.
    pub fn input_price_at_most(mut self, price: MicroDollars) -> Self {
        self.input_price_max = Some(price);
        self
    }

    /// Models that ask for this or less for a million generated tokens.
    pub fn output_price_at_most(mut self, price: MicroDollars) -> Self {
        self.output_price_max = Some(price);
        self
    }

    /// Whether a model meets it.
    pub fn fits(&self, info: &ModelInfo) -> bool {
        let price = info.price.as_ref();
        let provider = info.provider.as_deref().unwrap_or_default();
        self.provider.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(provider))
            && info.capabilities.includes(&self.capabilities)
            && reaches(info.context_length, self.context_min)
            && reaches(info.max_output_tokens, self.output_min)
            && stays_below(price.and_then(|price| price.input), self.input_price_max)
            && stays_below(price.and_then(|price| price.output), self.output_price_max)
    }
}

fn reaches(known: Option<usize>, wanted: Option<usize>) -> bool {
    wanted.is_none_or(|wanted| known.is_some_and(|known| known >= wanted))
}

fn stays_below(known: Option<MicroDollars>, wanted: Option<MicroDollars>) -> bool {
    wanted.is_none_or(|wanted| known.is_some_and(|known| known <= wanted))
}
