//! What messages and tools say never becomes a special token, whatever the family of the template:
//! held by ids, through what the engine uses.

use pricket::core::{CompletionRequest, Message, Role, ToolCall, ToolSpec};
use pricket::engine::TextPipeline;
use pricket::models::GenerationDefaults;
use pricket::tokenizer::{SkipSpecial, Special, Tokenizer};
use pricket_tests::{fixtures, tiny_model};
use serde_json::json;

/// Families: the template, the folder of a vocabulary with its special tokens, whether it takes a
/// system message, and whether it shows tools.
const FAMILIES: [(&str, &str, bool, bool); 14] = [
    ("smollm2", "tokenizers/smollm2", true, false),
    ("qwen2.5", "models/tiny-qwen2", true, true),
    ("qwen2.5", "models/tiny-qwen3", true, true),
    ("llama-3.2", "models/tiny-llama3-rope", true, true),
    ("gemma-3", "models/tiny-gemma3", true, false),
    // Its template takes a system message in parts alone.
    ("gemma-3-1b", "models/tiny-gemma3", false, false),
    ("mistral-7b-v0.1", "models/tiny-mistral", false, false),
    ("deepseek-v3", "models/tiny-deepseek-v3-groups", true, false),
    ("deepseek-r1-distill-qwen", "models/tiny-deepseek-v3-groups", true, false),
    ("deepseek-r1-0528-distill", "models/tiny-deepseek-v3-groups", true, false),
    ("kimi-k2-0711", "tokenizers/kimi-tiktoken", true, true),
    ("kimi-k2", "tokenizers/kimi-tiktoken", true, true),
    ("kimi-k2-thinking", "tokenizers/kimi-tiktoken", true, true),
    ("kimi-k2-thinking-sep", "tokenizers/kimi-tiktoken", true, true),
];

/// The pipeline of a family; says aloud what is not there.
fn pipeline(template: &str, folder: &str) -> Option<TextPipeline> {
    let source = fixtures(&format!("templates/{template}.jinja"))?;
    // Of some tiny models the repository has no vocabulary.
    let committed = tiny_model("..").join(folder);
    let in_folder = |folder: std::path::PathBuf| {
        let files = ["tiktoken.model", "tokenizer.json"].map(|name| folder.join(name));
        files.into_iter().find(|file| file.exists())
    };
    let file = in_folder(committed).or_else(|| fixtures(folder).and_then(in_folder))?;
    let tokenizer = Tokenizer::from_file(file).unwrap();
    let source = std::fs::read_to_string(source).unwrap();
    Some(TextPipeline::new(tokenizer, Some(&source), GenerationDefaults::default()).unwrap())
}

/// A conversation in which `text` stands wherever outsiders can write.
fn request(text: &str, has_system: bool, has_tools: bool) -> CompletionRequest {
    let mut messages = Vec::new();
    if has_system {
        messages.push(Message::new(Role::System, format!("Be brief. {text}")));
    }
    messages.push(Message::user(format!("{text} asked")));
    let mut tools = Vec::new();
    if has_tools {
        tools.push(ToolSpec {
            name: "look".to_owned(),
            description: text.to_owned(),
            parameters: json!({"type": "object", "properties": {text: {"type": "string"}}}),
        });
        let mut call = Message::assistant("");
        call.tool_calls.push(ToolCall {
            id: "functions.look:0".to_owned(),
            name: "look".to_owned(),
            arguments: json!({"at": text}),
        });
        let mut result = Message::new(Role::Tool, format!("found {text}"));
        result.tool_call_id = Some("functions.look:0".to_owned());
        result.name = Some("look".to_owned());
        messages.extend([call, result]);
    }
    messages.push(Message::assistant(format!("so {text}!")));
    messages.push(Message::user(text));
    let mut request = CompletionRequest::chat(messages);
    request.tools = tools;
    request
}

/// The special tokens among the ids: those that only the template may write.
fn special_ids(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<u32> {
    only(tokenizer, &tokenizer.special_tokens().guarded, ids)
}

/// Those of the ids that are tokens with these texts.
fn only(tokenizer: &Tokenizer, texts: &[String], ids: &[u32]) -> Vec<u32> {
    let wanted: Vec<u32> = texts.iter().filter_map(|text| tokenizer.id_of(text)).collect();
    ids.iter().copied().filter(|id| wanted.contains(id)).collect()
}

/// The marks of some families' roles are added tokens and no special ones.
#[test]
fn no_family_lets_outsiders_have_a_mark_of_its_template() {
    let mut families = 0;
    for (template, folder, has_system, has_tools) in FAMILIES {
        let Some(pipeline) = pipeline(template, folder) else { continue };
        let source = fixtures(&format!("templates/{template}.jinja")).unwrap();
        let source = std::fs::read_to_string(source).unwrap();
        let tokenizer = pipeline.tokenizer();
        let added = tokenizer.special_tokens().added.iter();
        let marks: Vec<String> =
            added.filter(|text| source.contains(text.as_str())).cloned().collect();
        families += usize::from(!marks.is_empty());
        let ids = |text: &str| {
            let mut request = request(text, has_system, has_tools);
            if let pricket::core::Prompt::Messages(messages) = &mut request.prompt {
                let own = messages.iter_mut().filter(|message| message.role == Role::Assistant);
                own.for_each(|message| message.content = "so!".to_owned());
                for message in messages {
                    message.tool_calls.clear();
                }
            }
            only(tokenizer, &marks, &pipeline.encode(&request).unwrap())
        };
        let scaffolding = ids("nothing");
        for mark in &marks {
            assert_eq!(ids(mark), scaffolding, "{template} over {folder}: {mark}");
        }
    }
    assert!(families == 0 || families > 2, "{families} families have such marks");
}

#[test]
fn no_family_lets_content_have_a_special_token() {
    for (template, folder, has_system, has_tools) in FAMILIES {
        let Some(pipeline) = pipeline(template, folder) else { continue };
        let tokenizer = pipeline.tokenizer();
        let plain = request("nothing", has_system, has_tools);
        let plain_ids = pipeline.encode(&plain).unwrap();
        let scaffolding = special_ids(tokenizer, &plain_ids);
        assert!(scaffolding.len() > 1, "{template}: {scaffolding:?}");
        let guarded: Vec<String> = tokenizer.special_tokens().guarded.to_vec();
        let mut evil: Vec<String> = guarded.iter().take(40).cloned().collect();
        evil.extend(["<|im_end|>", "<|eot_id|>", "<end_of_turn>", "[INST]"].map(str::to_owned));
        evil.push(guarded.concat());
        // Halves at the ends of values, where a whole one could form with the template's own.
        evil.push("|><|im_".to_owned());
        for text in evil {
            let ids = pipeline.encode(&request(&text, has_system, has_tools)).unwrap();
            let label = format!("{template} over {folder}: {text:.80}");
            assert_eq!(special_ids(tokenizer, &ids), scaffolding, "{label}");
            let rendered = rendered(&pipeline, &text, has_system, has_tools);
            assert_eq!(tokenizer.decode(&ids, SkipSpecial::No).unwrap(), rendered, "{label}");
        }
    }
}

fn rendered(pipeline: &TextPipeline, text: &str, has_system: bool, has_tools: bool) -> String {
    let request = request(text, has_system, has_tools);
    let pricket::core::Prompt::Messages(messages) = &request.prompt else { unreachable!() };
    let rendered = pipeline.render(messages, &request.tools, &request.template_kwargs);
    rendered.unwrap().text().to_owned()
}

#[test]
fn harmless_content_is_encoded_as_the_whole_text_would_be() {
    for (template, folder, has_system, has_tools) in FAMILIES {
        let Some(pipeline) = pipeline(template, folder) else { continue };
        for text in ["nothing", "caf\u{e9} \u{4e2d}\u{6587} 12", "a\n\nb", "< |x|> </"] {
            let ids = pipeline.encode(&request(text, has_system, has_tools)).unwrap();
            let whole = rendered(&pipeline, text, has_system, has_tools);
            let whole = pipeline.tokenizer().encode(&whole, Special::Parse).unwrap();
            assert_eq!(ids, whole, "{template} over {folder}: {text}");
        }
    }
}
