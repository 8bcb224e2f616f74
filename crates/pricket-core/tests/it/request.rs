//! Requests.

use std::collections::HashMap;

use pricket_core::{
    CompletionRequest, Message, OneOrMany, Prompt, SamplingParams, ToolCall, ToolSpec,
};
use serde_json::{Value, json};

#[test]
fn a_short_json_is_enough() {
    let request: CompletionRequest =
        serde_json::from_str(r#"{"prompt":{"raw":"Once"},"stop":"\n"}"#).expect("read");
    assert_eq!(request.prompt, Prompt::Raw("Once".to_owned()));
    assert_eq!(request.stop, Some(OneOrMany::one("\n".to_owned())));
    assert_eq!(request.sampling, SamplingParams::default());
    assert_eq!((request.max_tokens, request.ignore_eos, request.logprobs), (None, false, None));
}

#[test]
fn a_full_request_survives_json() {
    let mut request = CompletionRequest::chat(vec![Message::user("hi")])
        .sampling(SamplingParams::greedy())
        .max_tokens(5)
        .stop(["a", "b"]);
    request.logprobs = Some(2);
    request.ignore_eos = true;
    request.template_kwargs.insert("thinking".to_owned(), true.into());
    let text = serde_json::to_string(&request).expect("JSON");
    assert_eq!(serde_json::from_str::<CompletionRequest>(&text).expect("read"), request);
}

#[test]
fn no_stop_text_is_none() {
    let stop: [&str; 0] = [];
    assert_eq!(CompletionRequest::raw("x").stop(stop).stop, None);
}

#[test]
fn every_request_has_its_own_id() {
    let ids = [CompletionRequest::ids(vec![1]), CompletionRequest::ids(vec![1])];
    assert_ne!(ids[0].correlation_id, ids[1].correlation_id);
}

#[test]
fn setters_take_arrays_vectors_and_maps() {
    let spec = |name: &str| ToolSpec::new(name, "does it", json!({"type": "object"}));
    let request = CompletionRequest::chat([Message::user("hi")])
        .stop(vec!["a".to_owned()])
        .tools([spec("one"), spec("two")])
        .template_kwargs([("thinking", true)])
        .template_kwargs(vec![("effort".to_owned(), json!({"level": 2}))])
        .template_kwargs(HashMap::from([("date", "2026-11-21")]));
    assert_eq!(request.prompt, Prompt::Messages(vec![Message::user("hi")]));
    let tools: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(tools, ["one", "two"]);
    let wanted = json!({"thinking": true, "effort": {"level": 2}, "date": "2026-11-21"});
    assert_eq!(Value::Object(request.template_kwargs.clone()), wanted);
    // The later value of a name wins, as in a map.
    let again = request.template_kwargs([("thinking", false)]).tools([]);
    assert_eq!(again.template_kwargs.get("thinking"), Some(&json!(false)));
    assert!(again.tools.is_empty());
    assert_eq!(CompletionRequest::ids([1, 2]).prompt, CompletionRequest::ids(vec![1, 2]).prompt);
    let call = ToolCall { id: "1".into(), name: "one".into(), arguments: json!({}) };
    assert_eq!(Message::assistant("").tool_calls([call.clone()]).tool_calls, [call]);
}
