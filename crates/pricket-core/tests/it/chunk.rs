//! The laws of the pieces.

use pricket_core::{CompactString, CompletionChunk, ErrorKind, ErrorReport, TokenLogprob};
use pricket_stream::MessageChunk;
use serde_json::json;

use crate::check_json;
use crate::usage::completion;

/// One chunk of every kind.
fn all() -> Vec<CompletionChunk> {
    vec![
        CompletionChunk::text("hi"),
        CompletionChunk::Reasoning { text: "hm".to_owned() },
        CompletionChunk::ToolCallStart { id: "1".to_owned(), name: "add".to_owned() },
        CompletionChunk::ToolCallDelta { id: "1".to_owned(), arguments: "{\"a\"".to_owned() },
        CompletionChunk::ToolCallEnd {
            id: "1".to_owned(),
            name: "add".to_owned(),
            arguments: json!({"a": 1}),
        },
        CompletionChunk::Complete(Box::new(completion())),
        CompletionChunk::Error(Box::new(ErrorReport::new(ErrorKind::Busy, "busy", "later"))),
    ]
}

#[test]
fn only_complete_and_error_are_terminal() {
    let terminal: Vec<bool> = all().iter().map(CompletionChunk::is_terminal).collect();
    assert_eq!(terminal, [false, false, false, false, false, true, true]);
    let errors: Vec<bool> = all().iter().map(MessageChunk::is_error).collect();
    assert_eq!(errors, [false, false, false, false, false, false, true]);
    let completions = all().iter().filter(|chunk| chunk.completion().is_some()).count();
    assert_eq!(completions, 1);
}

#[test]
fn display_shows_only_what_the_user_reads() {
    let shown: String = all().iter().map(ToString::to_string).collect();
    assert_eq!(shown, "hi");
}

#[test]
fn a_bad_chunk_is_an_internal_error_with_its_message() {
    let chunk = CompletionChunk::bad_chunk("the producer panicked".to_owned());
    assert_eq!(chunk.error(), Some("the producer panicked"));
    assert!(chunk.is_terminal());
    let CompletionChunk::Error(report) = chunk else { panic!("{chunk:?}") };
    assert_eq!((report.kind, report.code.as_str()), (ErrorKind::Internal, "internal"));
}

#[test]
fn every_kind_survives_json() {
    for chunk in all() {
        let text = serde_json::to_string(&chunk).expect("JSON");
        assert_eq!(serde_json::from_str::<CompletionChunk>(&text).expect("read"), chunk);
    }
    check_json(&CompletionChunk::text("hi"), r#"{"type":"text","text":"hi"}"#);
    check_json(
        &CompletionChunk::Text {
            text: CompactString::from("a"),
            logprobs: vec![TokenLogprob { id: 7, logprob: -0.5, top: vec![(7, -0.5), (9, -1.0)] }],
        },
        r#"{"type":"text","text":"a","logprobs":[{"id":7,"logprob":-0.5,"top":[[7,-0.5],[9,-1.0]]}]}"#,
    );
}

#[test]
fn a_text_of_24_bytes_lies_in_the_chunk_and_a_longer_one_is_whole() {
    let CompletionChunk::Text { text, .. } = CompletionChunk::text("x".repeat(24).as_str()) else {
        panic!("a text");
    };
    assert!(!text.is_heap_allocated());
    let long = "\u{1f600}".repeat(100);
    assert_eq!(CompletionChunk::text(long.as_str()).to_string(), long);
}
