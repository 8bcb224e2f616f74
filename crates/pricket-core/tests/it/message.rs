//! Messages on the wire.

use pricket_core::{Message, Role, ToolCall, ToolSpec};
use serde_json::json;

use crate::check_json;

#[test]
fn a_plain_message_is_role_and_content() {
    check_json(&Message::user("hi"), r#"{"role":"user","content":"hi"}"#);
    check_json(&Message::system(""), r#"{"role":"system","content":""}"#);
}

#[test]
fn the_role_prints_as_it_is_written() {
    for role in [Role::System, Role::User, Role::Assistant, Role::Tool] {
        check_json(&role, &format!("\"{}\"", role.as_str()));
    }
    assert!(serde_json::from_str::<Role>("\"User\"").is_err());
}

#[test]
fn tool_calls_keep_the_order_of_their_arguments() {
    let arguments = json!({"zebra": 1, "ant": [null, 1.5]});
    let call = ToolCall { id: "c1".to_owned(), name: "count".to_owned(), arguments };
    let message = Message { tool_calls: vec![call], ..Message::assistant("") };
    check_json(
        &message,
        concat!(
            r#"{"role":"assistant","content":"","tool_calls":[{"id":"c1","name":"count","#,
            r#""arguments":{"zebra":1,"ant":[null,1.5]}}]}"#
        ),
    );
}

#[test]
fn a_tool_spec_survives_json() {
    let spec = ToolSpec {
        name: "add".to_owned(),
        description: "adds".to_owned(),
        parameters: json!({"type": "object"}),
    };
    let text = serde_json::to_string(&spec).expect("JSON");
    assert_eq!(serde_json::from_str::<ToolSpec>(&text).expect("read"), spec);
}
