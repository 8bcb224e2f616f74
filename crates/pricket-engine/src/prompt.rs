//! Text in: conversations and texts become token ids.

use pricket_core::{CompletionRequest, Message, Prompt, SamplingParams, ToolSpec, number_calls};
use pricket_models::{GenerationDefaults, GgufVocabulary, TextAssets, Vocabulary};
use pricket_tokenizer::{
    ChatTemplate, Detokenizer, GgufVocab, Rendered, SkipSpecial, Special, TemplateInput, Tokenizer,
};
use serde_json::{Map, Value, json};

use crate::EngineError;
use crate::sampler::Breakers;

/// The marks of `ChatML`, the first and the last of a message.
const CHATML_MARKS: [&str; 2] = ["<|im_start|>", "<|im_end|>"];

/// A mark that only Kimi's vocabularies have, and the two tokens that end its answers. Files name
/// one or the other, and the models write either.
const KIMI_MARK: &str = "<|im_middle|>";
const KIMI_ENDS: [&str; 2] = ["[EOS]", "<|im_end|>"];

/// The mark behind the id of a call of Kimi's.
const KIMI_CALL_MARK: &str = "<|tool_call_argument_begin|>";

/// Where a chat template comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateOrigin {
    /// From the model's files.
    Model,
    /// From the caller.
    Given,
    /// From nobody: the model's files have none, but its vocabulary has the marks of `ChatML`,
    /// which is used in its place.
    Fallback,
}

/// What turns messages into ids and ids into text: a vocabulary, the model's chat template, and its
/// makers' defaults.
#[derive(Debug)]
pub struct TextPipeline {
    tokenizer: Tokenizer,
    template: Option<(ChatTemplate, TemplateOrigin)>,
    shows_tools: bool,
    defaults: GenerationDefaults,
}

impl TextPipeline {
    /// A pipeline of a vocabulary and, where there is one, the source of the model's chat template.
    /// Where there is none and the vocabulary has the marks of `ChatML` as tokens, that is used.
    pub fn new(
        tokenizer: Tokenizer,
        chat_template: Option<&str>,
        defaults: GenerationDefaults,
    ) -> Result<Self, EngineError> {
        let has_marks = CHATML_MARKS.iter().all(|mark| tokenizer.id_of(mark).is_some());
        let template = match chat_template {
            Some(source) => Some((source, TemplateOrigin::Model)),
            None => has_marks.then_some((ChatTemplate::CHATML, TemplateOrigin::Fallback)),
        };
        let pipeline = Self { tokenizer, template: None, shows_tools: false, defaults };
        match template {
            Some((source, origin)) => pipeline.having(source, origin),
            None => Ok(pipeline),
        }
    }

    /// The same with another chat template, for a model that has none or a wrong one.
    pub fn with_template(self, source: &str) -> Result<Self, EngineError> {
        self.having(source, TemplateOrigin::Given)
    }

    fn having(mut self, source: &str, origin: TemplateOrigin) -> Result<Self, EngineError> {
        let template = ChatTemplate::new(source, self.tokenizer.special_tokens())?;
        self.template = Some((template, origin));
        // A template that never names the tools cannot show them.
        self.shows_tools = source.contains("tools");
        Ok(self)
    }

    /// The pipeline of what a model's files say about text.
    ///
    /// # Errors
    /// [`EngineError::VocabularyMissing`] where they have no vocabulary, and whatever is wrong with
    /// the one that they have.
    pub fn from_assets(assets: TextAssets) -> Result<Self, EngineError> {
        let tokenizer = match assets.vocabulary {
            Some(Vocabulary::Gguf(vocabulary)) => Tokenizer::from_gguf(&gguf_vocab(*vocabulary))?,
            Some(Vocabulary::HuggingFace { tokenizer, .. }) => Tokenizer::from_file(tokenizer)?,
            _ => return Err(EngineError::VocabularyMissing),
        };
        Self::new(tokenizer, assets.chat_template.as_deref(), assets.generation)
    }

    /// The vocabulary.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The chat template, where there is one.
    pub fn template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref().map(|(template, _)| template)
    }

    /// Where the chat template comes from.
    pub fn template_origin(&self) -> Option<TemplateOrigin> {
        self.template.as_ref().map(|(_, origin)| *origin)
    }

    /// Whether the template shows tools to the model.
    pub fn shows_tools(&self) -> bool {
        self.shows_tools
    }

    /// The sampling that the model's makers recommend; where they say nothing at all, what
    /// llama.cpp does: temperature 0.8 over the 40 likeliest tokens, top-p 0.95, min-p 0.05.
    /// Sampling from the whole distribution makes small models ramble.
    pub fn default_sampling(&self) -> SamplingParams {
        let makers = SamplingParams {
            temperature: self.defaults.temperature,
            top_k: self.defaults.top_k,
            top_p: self.defaults.top_p,
            min_p: self.defaults.min_p,
            repetition_penalty: self.defaults.repetition_penalty,
            ..SamplingParams::default()
        };
        if makers != SamplingParams::default() {
            return makers;
        }
        SamplingParams {
            temperature: Some(0.8),
            top_k: Some(40),
            top_p: Some(0.95),
            min_p: Some(0.05),
            ..SamplingParams::default()
        }
    }

    /// Every token that ends an answer: the makers' list and the vocabulary's own, and, where
    /// `ChatML` stands in for a template, the mark that ends a message. Both ends of Kimi's
    /// vocabularies, whichever the files name.
    pub fn end_ids(&self) -> Vec<u32> {
        let mut ids = self.defaults.eos_ids.clone();
        ids.extend(self.tokenizer.eos_id());
        if self.template_origin() == Some(TemplateOrigin::Fallback) {
            let [_, end] = CHATML_MARKS;
            ids.extend(self.tokenizer.id_of(end));
        }
        if self.tokenizer.id_of(KIMI_MARK).is_some() {
            ids.extend(KIMI_ENDS.iter().filter_map(|end| self.tokenizer.id_of(end)));
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// What breaks DRY's sequences: every token in whose text one of these stands, and the tokens
    /// that a text of several is encoded to, where they follow each other.
    ///
    /// # Errors
    /// A text cannot be encoded.
    pub fn breakers(&self, texts: &[String]) -> Result<Breakers, EngineError> {
        let holds = |token: &[u8], text: &[u8]| token.windows(text.len()).any(|part| part == text);
        let texts = || texts.iter().filter(|text| !text.is_empty());
        let is_single = |&id: &u32| {
            let token = self.tokenizer.token_bytes(id).unwrap_or_default();
            texts().any(|text| holds(token, text.as_bytes()))
        };
        let singles = (0..self.tokenizer.vocab_size() as u32).filter(is_single).collect();
        let sequences: Result<Vec<Vec<u32>>, _> =
            texts().map(|text| self.tokenizer.encode(text, Special::Parse)).collect();
        Ok(Breakers::new(singles, sequences?))
    }

    /// A conversation as the model was trained to see it, up to where its answer begins. To a model
    /// that knows calls by number ([`number_calls`]), every call has a number.
    ///
    /// # Errors
    /// [`EngineError::ChatTemplateMissing`], and what the template itself refuses.
    pub fn render(
        &self,
        messages: &[Message],
        tools: &[ToolSpec],
        kwargs: &Map<String, Value>,
    ) -> Result<Rendered, EngineError> {
        let template = self.template().ok_or(EngineError::ChatTemplateMissing)?;
        let calls = messages.iter().any(|message| !message.tool_calls.is_empty());
        let numbered = (calls && self.tokenizer.id_of(KIMI_CALL_MARK).is_some()).then(|| {
            let mut numbered = messages.to_vec();
            number_calls(&mut numbered);
            numbered
        });
        let messages = numbered.as_deref().unwrap_or(messages);
        let messages = Value::Array(messages.iter().map(message_for_template).collect());
        let tools = Value::Array(tools.iter().map(tool_for_template).collect());
        let has_tools = tools.as_array().is_some_and(|tools| !tools.is_empty());
        let mut input = TemplateInput::new(&messages);
        input.tools = has_tools.then_some(&tools);
        input.kwargs = (!kwargs.is_empty()).then_some(kwargs);
        Ok(template.render(&input)?)
    }

    /// The ids of a request's prompt. Special tokens are parsed in the template's scaffolding and
    /// in raw text, and never in what messages and tools contain.
    pub fn encode(&self, request: &CompletionRequest) -> Result<Vec<u32>, EngineError> {
        Ok(match &request.prompt {
            Prompt::Messages(messages) => {
                let rendered = self.render(messages, &request.tools, &request.template_kwargs)?;
                self.tokenizer.encode_chat(&rendered)?
            }
            // An empty text is an empty prompt, and no lone beginning-of-sequence token.
            Prompt::Raw(text) if text.is_empty() => Vec::new(),
            Prompt::Raw(text) => self.tokenizer.encode_prompt(text, Special::Parse)?,
            Prompt::Ids(ids) => ids.clone(),
            _ => return Err(EngineError::PromptUnsupported),
        })
    }

    /// A detokeniser for one answer. Special tokens give no text.
    pub(crate) fn detokenizer(&self) -> Detokenizer {
        self.tokenizer.detokenizer(SkipSpecial::Yes)
    }
}

/// A message in the shape that templates read, which is that of Hugging Face's `messages`.
fn message_for_template(message: &Message) -> Value {
    let mut object = Map::new();
    object.insert("role".to_owned(), message.role.as_str().into());
    object.insert("content".to_owned(), message.content.as_str().into());
    if let Some(name) = &message.name {
        object.insert("name".to_owned(), name.as_str().into());
    }
    if let Some(reasoning) = &message.reasoning {
        object.insert("reasoning_content".to_owned(), reasoning.as_str().into());
    }
    if !message.tool_calls.is_empty() {
        let call = |call: &pricket_core::ToolCall| {
            json!({
                "id": call.id,
                "type": "function",
                "function": { "name": call.name, "arguments": call.arguments },
            })
        };
        let calls = message.tool_calls.iter().map(call).collect();
        object.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    if let Some(id) = &message.tool_call_id {
        object.insert("tool_call_id".to_owned(), id.as_str().into());
    }
    Value::Object(object)
}

/// A tool in the shape that templates read.
fn tool_for_template(tool: &ToolSpec) -> Value {
    json!({
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    })
}

/// The vocabulary of a GGUF file, as the tokenizer's crate takes it: it knows no model files.
fn gguf_vocab(vocabulary: GgufVocabulary) -> GgufVocab {
    GgufVocab {
        model: vocabulary.model,
        pre: vocabulary.pre,
        tokens: vocabulary.tokens,
        scores: vocabulary.scores,
        token_types: vocabulary.token_types,
        merges: vocabulary.merges,
        bos_id: vocabulary.bos_id,
        eos_id: vocabulary.eos_id,
        unknown_id: vocabulary.unknown_id,
        padding_id: vocabulary.padding_id,
        add_bos: vocabulary.add_bos,
        add_eos: vocabulary.add_eos,
        add_space_prefix: vocabulary.add_space_prefix,
        lowercase: vocabulary.lowercase,
        strip_accents: vocabulary.strip_accents,
    }
}
