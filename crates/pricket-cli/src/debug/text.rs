//! `pricket debug tokenize`, `detokenize` and `render`: what text becomes. Weights are not loaded.

use pricket::engine::TextPipeline;
use pricket::models;
use pricket::tokenizer::{
    ChatTemplate, SkipSpecial, Special, TemplateInput, Tokenizer, TokenizerError,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::args::{DetokenizeArgs, RenderArgs, SourceArgs, TokenizeArgs};
use crate::config::Config;
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::prompt::read_text;
use crate::terminal::Terminal;
use crate::{locate, prompt};

/// Tells a text's ids.
pub(crate) fn tokenize(
    args: &TokenizeArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let text = read_text(&args.text_file)?;
    let pipeline = pipeline(&args.source, config, terminal, interrupt)?;
    let special = if args.special { Special::Parse } else { Special::AsText };
    let tokenizer = pipeline.tokenizer();
    let ids = if args.prompt {
        tokenizer.encode_prompt(&text, special)?
    } else {
        tokenizer.encode(&text, special)?
    };
    terminal.json(&ids)
}

/// Tells the text of ids.
pub(crate) fn detokenize(
    args: &DetokenizeArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let pipeline = pipeline(&args.source, config, terminal, interrupt)?;
    let skip = if args.skip_special { SkipSpecial::Yes } else { SkipSpecial::No };
    terminal.json(&pipeline.tokenizer().decode(&args.ids, skip)?)
}

/// What is to be rendered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    messages: Value,
    #[serde(default)]
    tools: Option<Value>,
    #[serde(default)]
    add_generation_prompt: bool,
    #[serde(default)]
    continue_final_message: bool,
    #[serde(default)]
    kwargs: Map<String, Value>,
}

/// What a rendering is.
#[derive(Debug, Serialize)]
struct Report<'a> {
    text: &'a str,
    ids: Vec<u32>,
}

/// Tells how the chat template renders a request, or why it refuses.
pub(crate) fn render(
    args: &RenderArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let request: Request = serde_json::from_str(&read_text(&args.request)?).map_err(|why| {
        let path = args.request.display();
        CliError::Usage(format!("{path} is no request: {why}; see `pricket debug render --help`"))
    })?;
    let own = args.template.as_deref().map(prompt::read_text).transpose()?;
    let pipeline = pipeline(&args.source, config, terminal, interrupt)?;
    let input = TemplateInput {
        tools: request.tools.as_ref(),
        add_generation_prompt: request.add_generation_prompt,
        continue_final_message: request.continue_final_message,
        kwargs: Some(&request.kwargs),
        ..TemplateInput::new(&request.messages)
    };
    match report(&pipeline, own.as_deref(), &input) {
        Ok(value) => terminal.json(&value),
        // That the template refuses these messages, or fails at them, is an answer.
        Err(CliError::Tokenizer(error)) => terminal.json(&json!({ "error": error.to_string() })),
        Err(error) => Err(error),
    }
}

fn report(
    pipeline: &TextPipeline,
    own: Option<&str>,
    input: &TemplateInput<'_>,
) -> Result<Value, CliError> {
    let tokenizer: &Tokenizer = pipeline.tokenizer();
    let compile = |source: &str| -> Result<ChatTemplate, TokenizerError> {
        ChatTemplate::new(source, tokenizer.special_tokens())
    };
    let compiled = own.map(compile).transpose()?;
    let template = compiled.as_ref().or(pipeline.template()).ok_or(CliError::TemplateMissing)?;
    let rendered = template.render(input)?;
    let ids = tokenizer.encode_chat(&rendered)?;
    Ok(json!(Report { text: rendered.text(), ids }))
}

fn pipeline(
    source: &SourceArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<TextPipeline, CliError> {
    let path = locate::locate(&source.model, config, terminal, interrupt)?;
    Ok(TextPipeline::from_assets(models::text_assets(&path)?)?)
}
