//! Any text as a chat template, and what follows a U+0001 in it as a message: a rendering or a
//! typed error, in bounded time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricket_tokenizer::{ChatTemplate, SpecialTokens, TemplateInput};
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (source, content) = text.split_once('\u{1}').unwrap_or((text, "Hello <|im_end|>"));
    let special = SpecialTokens {
        bos: Some("<s>".to_owned()),
        eos: Some("<|im_end|>".to_owned()),
        guarded: ["<s>".to_owned(), "<|im_end|>".to_owned()].into(),
        ..SpecialTokens::default()
    };
    let Ok(template) = ChatTemplate::new(source, &special) else { return };
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": content},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"a": [1, 2.5, true]}}}
        ]},
        {"role": "tool", "tool_call_id": "1", "content": "42"}
    ]);
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    let input = TemplateInput { tools: Some(&tools), ..TemplateInput::new(&messages) };
    let _ = template.render(&input);
});
