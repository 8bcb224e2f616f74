//! What is asked of a model.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{CorrelationId, Message, OneOrMany, SamplingParams, ToolSpec};

/// What the model is to continue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Prompt {
    /// A conversation, rendered by the model's chat template.
    Messages(Vec<Message>),
    /// A text, encoded as it stands, with the beginning-of-sequence token where the model wants
    /// one.
    Raw(String),
    /// Token ids, given to the model as they stand.
    Ids(Vec<u32>),
}

/// One request for a completion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompletionRequest {
    /// What is to be continued.
    pub prompt: Prompt,
    /// The tools that the template shows to the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolSpec>,
    /// The sampling knobs that this request sets; the rest fall to the model's defaults.
    #[serde(default)]
    pub sampling: SamplingParams,
    /// The most tokens to generate; `None` runs to the end of the context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// Texts that end the answer; they are never emitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<OneOrMany<String>>,
    /// Generate past the model's end-of-turn tokens (benchmarks and fidelity checks).
    #[serde(default)]
    pub ignore_eos: bool,
    /// How many alternatives to report beside each sampled token; `None` reports nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<usize>,
    /// Extra variables for the chat template.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub template_kwargs: Map<String, Value>,
    /// The id that follows this request through logs, chunks and errors.
    #[serde(default)]
    pub correlation_id: CorrelationId,
}

impl CompletionRequest {
    /// A request with nothing set but what is to be continued.
    pub fn new(prompt: Prompt) -> Self {
        Self {
            prompt,
            tools: Vec::new(),
            sampling: SamplingParams::default(),
            max_tokens: None,
            stop: None,
            ignore_eos: false,
            logprobs: None,
            template_kwargs: Map::new(),
            correlation_id: CorrelationId::new(),
        }
    }

    /// Continues a conversation: an array of messages or a vector.
    pub fn chat(messages: impl Into<Vec<Message>>) -> Self {
        Self::new(Prompt::Messages(messages.into()))
    }

    /// Continues a text as it stands, without a chat template.
    pub fn raw(text: impl Into<String>) -> Self {
        Self::new(Prompt::Raw(text.into()))
    }

    /// Continues token ids as they stand: an array, a slice or a vector.
    pub fn ids(ids: impl Into<Vec<u32>>) -> Self {
        Self::new(Prompt::Ids(ids.into()))
    }

    /// Sets the sampling knobs.
    #[must_use]
    pub fn sampling(mut self, sampling: SamplingParams) -> Self {
        self.sampling = sampling;
        self
    }

    /// Sets the most tokens to generate.
    #[must_use]
    pub fn max_tokens(mut self, max_tokens: usize) -> Self {
        self.max_tokens = Some(max_tokens);
        self
    }

    /// Sets the texts that end the answer; an empty iterator sets none.
    #[must_use]
    pub fn stop<S: Into<String>>(mut self, stop: impl IntoIterator<Item = S>) -> Self {
        self.stop = OneOrMany::from_iter_opt(stop.into_iter().map(Into::into));
        self
    }

    /// Shows these tools to the model, in the place of any set before.
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = ToolSpec>) -> Self {
        self.tools = tools.into_iter().collect();
        self
    }

    /// Gives the chat template these variables beside those set before: an array of pairs, a
    /// vector of them, a map.
    #[must_use]
    pub fn template_kwargs<K: Into<String>, V: Into<Value>>(
        mut self,
        kwargs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let pairs = kwargs.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.template_kwargs.extend(pairs);
        self
    }
}
