//! What a model is, can and costs.

use serde::{Deserialize, Serialize};

use crate::{Capabilities, CoreError, MicroDollars, Price, Usage};

/// What a model is: said by a provider of itself, or by the model data of a model elsewhere. What
/// is `None` is not known, and nothing is concluded from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The model's name, as the user gave it or as its provider calls it.
    pub name: String,
    /// Whose service runs it; `None` for a model on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Other names for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The architecture, for a local model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The longest context, prompt and answer together, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_length: Option<usize>,
    /// The longest answer, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<usize>,
    /// The size of the vocabulary, for a local model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocab_size: Option<usize>,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// What its provider asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

impl ModelInfo {
    /// A model of which nothing but the name is known.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            provider: None,
            aliases: Vec::new(),
            architecture: None,
            context_length: None,
            max_output_tokens: None,
            vocab_size: None,
            capabilities: Capabilities::default(),
            price: None,
        }
    }

    /// `provider/name`, or the bare name of a model on this machine.
    pub fn full_name(&self) -> String {
        match &self.provider {
            Some(provider) => format!("{provider}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Its name and its aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }

    /// What a request cost; `None` where a price is not known. See [`Price::cost`].
    pub fn cost(&self, usage: &Usage) -> Option<MicroDollars> {
        self.price.as_ref()?.cost(usage)
    }

    /// Whether a request can fit, before it is sent: a prompt of `prompt_tokens` and an answer of
    /// `max_tokens`, or of one token where none is asked for. A limit that is not known refuses
    /// nothing.
    pub fn check_context(
        &self,
        prompt_tokens: usize,
        max_tokens: Option<usize>,
    ) -> Result<(), CoreError> {
        let answer = max_tokens.unwrap_or(1);
        if let Some(limit) = self.max_output_tokens
            && answer > limit
        {
            return Err(CoreError::OutputExceeded {
                model: self.full_name(),
                max_tokens: answer,
                limit,
            });
        }
        match self.context_length {
            Some(limit) if prompt_tokens.saturating_add(answer) > limit => {
                Err(CoreError::ContextExceeded {
                    model: self.full_name(),
                    prompt_tokens,
                    max_tokens: answer,
                    limit,
                })
            }
            _ => Ok(()),
        }
    }
}
