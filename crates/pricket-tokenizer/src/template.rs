//! Chat templates: messages to the text that a model was trained on, byte for byte as transformers
//! renders it, and knowing which special tokens are the template's own.

mod environment;
mod guard;
mod json;
mod source;
mod strftime;

use std::sync::Arc;
use std::time::SystemTime;

use minijinja::{Environment, Value};
use serde_json::{Map, Value as Json};

use crate::error::{Result, TokenizerError, within};
use crate::limits::{RENDERED_BYTES_MAX, TEMPLATE_BYTES_MAX};
use crate::special::SpecialTokens;
use guard::Guard;

/// The name under which the one template is kept.
const NAME: &str = "chat_template";

/// Where `strftime_now` reads the time.
pub(crate) type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// What becomes of message keys whose value is null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a key is there or it is not")]
pub enum NullKeys {
    /// The key is left out, as transformers 5 does: `message['content']` is undefined.
    #[default]
    Drop,
    /// The key stays, as in transformers 4: `message['content'] is none`. `DeepSeek`'s templates
    /// need it for tool calls.
    Keep,
}

/// What a template renders.
#[derive(Debug, Clone, Copy)]
pub struct TemplateInput<'a> {
    /// A JSON array of message objects; the order of keys is kept.
    pub messages: &'a Json,
    /// The tools' JSON schemas. `None` and an empty array differ in some templates.
    pub tools: Option<&'a Json>,
    /// Whether the rendering ends where the assistant's answer begins.
    pub add_generation_prompt: bool,
    /// Whether the rendering ends with the last message's content, for the model to go on.
    pub continue_final_message: bool,
    /// Further variables, such as `enable_thinking`.
    pub kwargs: Option<&'a Map<String, Json>>,
    /// What becomes of message keys whose value is null.
    pub null_keys: NullKeys,
}

impl<'a> TemplateInput<'a> {
    /// Messages to be answered, with nothing else.
    pub fn new(messages: &'a Json) -> Self {
        Self {
            messages,
            tools: None,
            add_generation_prompt: true,
            continue_final_message: false,
            kwargs: None,
            null_keys: NullKeys::default(),
        }
    }
}

/// A rendered conversation, for [`Tokenizer::encode_chat`](crate::Tokenizer::encode_chat).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    text: String,
    breaks: Vec<usize>,
    barred: Vec<String>,
    guarded: Arc<[String]>,
}

impl Rendered {
    /// The text, equal to what transformers renders.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Byte positions in the text that no added token may cross: they lie inside what content
    /// has of special tokens, and where content ends or begins with a part of one. Ascending.
    pub fn breaks(&self) -> &[usize] {
        &self.breaks
    }

    /// Special tokens that are text wherever they stand, in the scaffolding too. Empty unless the
    /// template looks at content in such a way that its places cannot be told.
    pub fn barred(&self) -> &[String] {
        &self.barred
    }

    /// The special tokens that were guarded against.
    pub(crate) fn guarded(&self) -> &Arc<[String]> {
        &self.guarded
    }
}

/// A compiled chat template. Immutable, and shared between threads.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// A sentinel must not stand in the template itself.
    source: String,
    special: SpecialTokens,
    guard: Guard,
}

impl ChatTemplate {
    /// The source of `ChatML`: for every message `<|im_start|>`, the role, a line break, the
    /// content, `<|im_end|>` and a line break.
    pub const CHATML: &'static str = "\
        {%- for message in messages -%}\
        {{ '<|im_start|>' ~ message['role'] ~ '\n' ~ message['content'] ~ '<|im_end|>\n' }}\
        {%- endfor -%}\
        {%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}";

    /// Compiles a template for a vocabulary's special tokens.
    ///
    /// # Errors
    /// [`TokenizerError::TemplateSyntax`], or [`TokenizerError::TooLarge`] past 1 MiB.
    pub fn new(source: &str, special: &SpecialTokens) -> Result<Self> {
        within("the chat template in bytes", source.len(), TEMPLATE_BYTES_MAX)?;
        let syntax = |error: minijinja::Error| TokenizerError::TemplateSyntax {
            why: environment::describe(&error),
        };
        let mut environment = environment::new(Arc::new(SystemTime::now)).map_err(syntax)?;
        let source = source::prepare(source);
        environment.add_template_owned(NAME, source.clone()).map_err(syntax)?;
        let guard = Guard::new(special, &source)?;
        Ok(Self { environment, source, special: special.clone(), guard })
    }

    /// Takes the time for `strftime_now` from elsewhere; by default it is the system's, in UTC.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        environment::set_clock(&mut self.environment, Arc::new(clock));
        self
    }

    /// Renders a conversation.
    ///
    /// # Errors
    /// [`TokenizerError::TemplateRaised`] with the template's own words where it refuses the
    /// messages; [`TokenizerError::TemplateRender`] where it fails or runs past its limits;
    /// [`TokenizerError::RenderRequest`] where the request contradicts itself.
    pub fn render(&self, input: &TemplateInput<'_>) -> Result<Rendered> {
        let values = Values::new(input)?;
        let mut text = self.run(&values, input)?;
        let marked = guard::sentinel(&values, &self.source).map(|s| self.guard.mark(&values, s));
        let (breaks, barred) = match marked {
            Some(marked) if !marked.is_changed => (Vec::new(), marked.unbreakable),
            Some(marked) => {
                // A template that looks at content may render marked content otherwise or refuse
                // it. Then places in one text say nothing about the other.
                match self.run(&marked.values, input).map(|text| guard::unmark(&text, &marked)) {
                    Ok((unmarked, breaks)) if unmarked == text => (breaks, marked.unbreakable),
                    _ => (Vec::new(), self.guard.contained(&values)),
                }
            }
            None => (Vec::new(), self.guard.contained(&values)),
        };
        if input.continue_final_message {
            let end = end_of_final_message(&text, values.messages.as_slice())?;
            text.truncate(end);
        }
        let breaks = breaks.into_iter().filter(|&at| at < text.len()).collect();
        Ok(Rendered { text, breaks, barred, guarded: Arc::clone(&self.special.guarded) })
    }

    /// One rendering of prepared values.
    fn run(&self, values: &Values, input: &TemplateInput<'_>) -> Result<String> {
        let mut context: Vec<(String, Value)> = Vec::new();
        for (name, token) in [
            ("bos_token", &self.special.bos),
            ("eos_token", &self.special.eos),
            ("unk_token", &self.special.unk),
            ("pad_token", &self.special.pad),
        ] {
            if let Some(token) = token {
                context.push((name.to_owned(), Value::from(token.as_str())));
            }
        }
        context.push(("messages".to_owned(), json::value_of_all(&values.messages)));
        context.push(("tools".to_owned(), json::value_of(&values.tools)));
        context.push(("documents".to_owned(), Value::from(())));
        context.push(("add_generation_prompt".to_owned(), input.add_generation_prompt.into()));
        for (name, value) in &values.kwargs {
            context.push((name.clone(), json::value_of(value)));
        }
        let context = Value::from_pairs(context);
        let mut output = environment::BoundedOutput::new(RENDERED_BYTES_MAX);
        self.environment
            .get_template(NAME)
            .and_then(|template| template.render_captured_to(context, &mut output).map(drop))
            .map_err(|error| environment::failure(&error))?;
        output.into_text()
    }
}

/// The values of a request, as the template shall see them.
#[derive(Debug, Clone)]
pub(crate) struct Values {
    pub(crate) messages: Vec<Json>,
    pub(crate) tools: Json,
    pub(crate) kwargs: Map<String, Json>,
}

impl Values {
    fn new(input: &TemplateInput<'_>) -> Result<Self> {
        let refuse = |why| Err(TokenizerError::RenderRequest { why });
        let Json::Array(messages) = input.messages else {
            return refuse("they are no JSON array");
        };
        if input.continue_final_message && input.add_generation_prompt {
            return refuse("a final message cannot be continued behind a generation prompt");
        }
        guard::depth_within(input.messages, 0)?;
        input.tools.map_or(Ok(()), |tools| guard::depth_within(tools, 0))?;
        let mut kwargs = Map::new();
        for (name, value) in input.kwargs.into_iter().flatten() {
            guard::depth_within(value, 0)?;
            kwargs.insert(name.clone(), value.clone());
        }
        let mut messages = messages.clone();
        if input.null_keys == NullKeys::Drop {
            for message in messages.iter_mut().filter_map(Json::as_object_mut) {
                message.retain(|_, value| !value.is_null());
            }
        }
        Ok(Self { messages, tools: input.tools.cloned().unwrap_or(Json::Null), kwargs })
    }
}

/// Where the last message's content ends in the text; templates may have trimmed it.
fn end_of_final_message(text: &str, messages: &[Json]) -> Result<usize> {
    let content = messages.last().map_or(&Json::Null, |message| &message["content"]);
    let content = content.as_str().or_else(|| {
        let parts = content.as_array()?;
        parts.iter().rev().find_map(|part| part["text"].as_str())
    });
    let Some(content) = content else {
        return Err(TokenizerError::RenderRequest {
            why: "the final message has no text to continue",
        });
    };
    let Some(start) = text.rfind(content.trim()) else {
        return Err(TokenizerError::RenderRequest {
            why: "the template does not show the final message's text, so it cannot be continued",
        });
    };
    let rest = text.get(start..).unwrap_or_default();
    let untrimmed = content.trim_start();
    let shown = if rest.starts_with(untrimmed) { untrimmed } else { content.trim() };
    Ok(start + shown.len())
}
