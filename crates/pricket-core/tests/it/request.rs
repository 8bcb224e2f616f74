//! Requests.

use pricket_core::{CompletionRequest, Message, OneOrMany, Prompt, SamplingParams};

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
