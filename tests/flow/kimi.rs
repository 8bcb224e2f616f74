//! Kimi-K2's text from end to end: its ends, calls in its history, and calls in its answers.

use pricket::core::{Message, Role, ToolCall, ToolSpec};
use pricket::engine::TextPipeline;
use pricket::models::GenerationDefaults;
use pricket::tokenizer::{SkipSpecial, Tokenizer};
use pricket::tools::{KimiCalls, Piece};
use pricket_tests::{fixtures, tiny_model};
use serde_json::{Map, json};

/// Turns and calls as Kimi's templates write them, in our own words.
const TURNS: &str = "{% if tools %}<|im_system|>tool_declare<|im_middle|>{{ tools | \
    tojson(separators=(',', ':')) }}<|im_end|>{% endif %}{% for message in messages %}\
    {% if message.role == 'assistant' %}<|im_assistant|>assistant<|im_middle|>{{ message.content \
    }}{% if message.tool_calls %}<|tool_calls_section_begin|>{% for call in message.tool_calls %}\
    <|tool_call_begin|>{{ call.id }}<|tool_call_argument_begin|>{{ call.function.arguments | \
    tojson }}<|tool_call_end|>{% endfor %}<|tool_calls_section_end|>{% endif %}\
    {% elif message.role == 'user' %}<|im_user|>user<|im_middle|>{{ message.content }}\
    {% else %}<|im_system|>{{ message.role }}<|im_middle|>{% if message.tool_call_id %}\
    ## Return of {{ message.tool_call_id }}\n{% endif %}{{ message.content }}{% endif %}\
    <|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_assistant|>assistant<|im_middle|>\
    {% endif %}";

/// The makers' templates that show calls.
const TEMPLATES: [&str; 3] = ["kimi-k2", "kimi-k2-thinking", "kimi-k2-thinking-sep"];

fn pipeline(template: &str, eos_ids: &[u32]) -> TextPipeline {
    let ranks = tiny_model("../tokenizers/kimi-tiktoken/tiktoken.model");
    let defaults =
        GenerationDefaults { eos_ids: eos_ids.to_vec(), ..GenerationDefaults::default() };
    TextPipeline::new(Tokenizer::from_file(ranks).unwrap(), Some(template), defaults).unwrap()
}

fn call(id: &str, name: &str, at: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: json!({"at": at, "n": 1}) }
}

fn result(id: &str) -> Message {
    Message { tool_call_id: Some(id.to_owned()), ..Message::new(Role::Tool, "found") }
}

/// A conversation whose calls other providers made.
fn history() -> Vec<Message> {
    vec![
        Message::system("Be brief."),
        Message::user("Where?"),
        Message::assistant("I look.").tool_calls([
            call("call_a1", "look", "a"),
            // Arguments that look like marks.
            call("toolu_02", "mcp.find-it", "<|tool_call_end|> \"b\""),
        ]),
        result("toolu_02"),
        result("call_a1"),
        Message::user("And there?"),
        Message::assistant("").tool_calls([call("call_a1", "look", "c")]),
        result("call_a1"),
    ]
}

const IDS: [&str; 3] = ["functions.look:0", "functions.mcp.find-it:1", "functions.look:2"];

/// Whichever the files name, or if they name none, an answer ends with either.
#[test]
fn kimi_ends_with_both_of_its_ends() {
    for named in [&[][..], &[1281], &[1282], &[1289]] {
        let ends = pipeline(TURNS, named).end_ids();
        assert!(ends.contains(&1281) && ends.contains(&1282), "{named:?}: {ends:?}");
    }
}

#[test]
fn calls_come_back_as_the_history_shows_them() {
    let vendors = TEMPLATES.map(|name| fixtures(&format!("templates/{name}.jinja")));
    let vendors = vendors.into_iter().flatten();
    let sources = vendors.map(|path| std::fs::read_to_string(path).unwrap());
    for source in sources.chain([TURNS.to_owned()]) {
        let pipeline = pipeline(&source, &[]);
        let tools = ["look", "mcp.find-it"]
            .map(|name| ToolSpec::new(name, "Looks.", json!({"type": "object", "properties": {}})));
        let rendered = pipeline.render(&history(), &tools, &Map::new()).unwrap();
        for foreign in ["call_a1", "toolu_02"] {
            assert!(!rendered.text().contains(foreign), "{}", rendered.text());
        }
        for id in IDS {
            let returned = format!("## Return of {id}\n");
            assert_eq!(rendered.text().matches(&returned).count(), 1, "{}", rendered.text());
        }
        // As a reader of an answer sees it: through ids, special tokens without text.
        let tokenizer = pipeline.tokenizer();
        let ids = tokenizer.encode_chat(&rendered).unwrap();
        let text = tokenizer.decode(&ids, SkipSpecial::Yes).unwrap();
        let (mut calls, mut pieces) = (KimiCalls::new(0), Vec::new());
        for character in text.chars() {
            calls.push(character.encode_utf8(&mut [0; 4]), &mut pieces);
        }
        calls.finish(&mut pieces);
        let found = pieces.into_iter().filter_map(|piece| match piece {
            Piece::Call(call) => Some(call),
            _ => None,
        });
        let said = history().into_iter().flat_map(|message| message.tool_calls);
        let expected = said.zip(IDS).map(|(call, id)| ToolCall { id: id.to_owned(), ..call });
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}

/// Another family's ids are nobody's business.
#[test]
fn other_families_keep_the_ids_that_came() {
    let template = "{% for message in messages %}{% for call in message.tool_calls or [] %}\
                    {{ call.id }} {% endfor %}{% endfor %}";
    let file = tiny_model("tiny-llama").join("tokenizer.json");
    let tokenizer = Tokenizer::from_file(file).unwrap();
    let pipeline =
        TextPipeline::new(tokenizer, Some(template), GenerationDefaults::default()).unwrap();
    let rendered = pipeline.render(&history(), &[], &Map::new()).unwrap();
    assert_eq!(rendered.text(), "call_a1 toolu_02 call_a1 ");
}
