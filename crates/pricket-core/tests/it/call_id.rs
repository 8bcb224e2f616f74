//! Calls by number, as Kimi's models know them.

use pricket_core::{Message, NumberedCallId, Role, ToolCall, number_calls};
use serde_json::json;

fn call(id: &str, name: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: json!({}) }
}

fn result(id: &str) -> Message {
    Message { tool_call_id: Some(id.to_owned()), ..Message::new(Role::Tool, "done") }
}

fn asks(calls: &[(&str, &str)]) -> Message {
    Message::assistant("").tool_calls(calls.iter().map(|(id, name)| call(id, name)))
}

/// The ids of all calls, and of all results.
fn ids(messages: &[Message]) -> (Vec<&str>, Vec<&str>) {
    let calls = messages.iter().flat_map(|message| &message.tool_calls);
    let results = messages.iter().filter_map(|message| message.tool_call_id.as_deref());
    (calls.map(|call| call.id.as_str()).collect(), results.collect())
}

#[test]
fn an_id_is_read_as_it_is_written() {
    for (text, name, index) in [
        ("functions.get_weather:0", "get_weather", 0),
        ("functions.mcp.files-read:12", "mcp.files-read", 12),
        ("functions.a:b:3", "a:b", 3),
    ] {
        let id = NumberedCallId::parse(text).unwrap();
        assert_eq!((id.name.as_str(), id.index), (name, index));
        assert_eq!(id.to_string(), text);
    }
    let others = [
        "call_1",
        "functions.f",
        "functions.:1",
        "functions.f:",
        "functions.f:-1",
        "f:0",
        "functions.f:99999999999999999999",
        "functions.f:1 ",
        "",
    ];
    for other in others {
        assert_eq!(NumberedCallId::parse(other), None, "{other}");
    }
}

#[test]
fn foreign_ids_become_numbers_and_results_follow() {
    let mut messages = vec![
        Message::user("?"),
        asks(&[("call_a", "f"), ("call_b", "mcp.g-2")]),
        result("call_b"),
        result("call_a"),
        Message::user("again"),
        asks(&[("call_c", "f")]),
        result("call_c"),
        result("call_of_nobody"),
    ];
    number_calls(&mut messages);
    let (calls, results) = ids(&messages);
    assert_eq!(calls, ["functions.f:0", "functions.mcp.g-2:1", "functions.f:2"]);
    let expected = ["functions.mcp.g-2:1", "functions.f:0", "functions.f:2", "call_of_nobody"];
    assert_eq!(results, expected);
    let once = messages.clone();
    number_calls(&mut messages);
    assert_eq!(messages, once, "what has numbers keeps them");
}

#[test]
fn own_ids_stay_and_foreign_ones_go_around_them() {
    let mut messages = vec![
        asks(&[("call_a", "f"), ("functions.f:0", "f"), ("functions.other:7", "f")]),
        result("functions.f:0"),
        result("functions.other:7"),
        // The same id once more: another provider counts each turn anew.
        asks(&[("functions.f:0", "f"), ("call_a", "g")]),
        result("functions.f:0"),
        result("call_a"),
    ];
    number_calls(&mut messages);
    let (calls, results) = ids(&messages);
    let expected =
        ["functions.f:1", "functions.f:0", "functions.f:2", "functions.f:3", "functions.g:4"];
    assert_eq!(calls, expected);
    assert_eq!(results, ["functions.f:0", "functions.f:2", "functions.f:3", "functions.g:4"]);
}
