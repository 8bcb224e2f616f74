//! Calls as Kimi-K2 writes them, and as it does when it is careless.

use pricket_core::ToolCall;
use pricket_tools::{KimiCalls, Piece};
use proptest::prelude::*;
use serde_json::{Value, json};

const WEATHER: &str = "<|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>\
                       {\"city\": \"Beijing\"}<|tool_call_end|>";

fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

fn call(id: &str, name: &str, arguments: Value) -> Piece {
    Piece::Call(ToolCall { id: id.to_owned(), name: name.to_owned(), arguments })
}

fn weather() -> Piece {
    call("functions.get_weather:0", "get_weather", json!({"city": "Beijing"}))
}

/// An answer in pieces of so many characters.
fn read(answer: &str, size: usize) -> Vec<Piece> {
    let characters: Vec<char> = answer.chars().collect();
    let (mut calls, mut pieces) = (KimiCalls::new(4), Vec::new());
    for part in characters.chunks(size.min(characters.len().max(1))) {
        calls.push(&part.iter().collect::<String>(), &mut pieces);
    }
    calls.finish(&mut pieces);
    pieces
}

fn section(calls: &str) -> String {
    format!("<|tool_calls_section_begin|>{calls}<|tool_calls_section_end|>")
}

fn one(header: &str, arguments: &str) -> String {
    format!("<|tool_call_begin|>{header}<|tool_call_argument_begin|>{arguments}<|tool_call_end|>")
}

#[test]
fn answers_are_read_however_they_arrive() {
    let file = json!({"path": "a.rs", "text": "say \"hi\" <|tool_call_end|> {"});
    let cases: Vec<(String, Vec<Piece>)> = vec![
        ("no call at all".into(), vec![text("no call at all")]),
        (section(WEATHER), vec![weather()]),
        (
            format!(
                "Let me look.{}",
                section(&format!("{WEATHER}{}", one("functions.a.b-c:1", "{}")))
            ),
            vec![text("Let me look."), weather(), call("functions.a.b-c:1", "a.b-c", json!({}))],
        ),
        // Without the section, with text behind it.
        (format!("so {WEATHER} and so"), vec![text("so "), weather(), text(" and so")]),
        // Spaces and lines, about the calls and within the id.
        (
            section(&format!(
                "\n {}\n",
                one("\nfunctions.get_\nweather:0 \n", "\n{\"city\": \"Beijing\"}\n")
            )),
            vec![weather()],
        ),
        // Without `functions.`, or without a number, which then counts on from the conversation's.
        (one("f:7", "{}"), vec![call("functions.f:7", "f", json!({}))]),
        (
            one("functions.f", "{}") + &one("functions.g", ""),
            vec![call("functions.f:4", "f", json!({})), call("functions.g:5", "g", json!({}))],
        ),
        // No end behind the arguments.
        (section(WEATHER.strip_suffix("<|tool_call_end|>").unwrap()), vec![weather()]),
        (WEATHER.strip_suffix("<|tool_call_end|>").unwrap().into(), vec![weather()]),
        // A mark within a string is a part of it.
        (
            one("functions.write:2", &file.to_string()) + " done",
            vec![call("functions.write:2", "write", file), text(" done")],
        ),
        // What looks like a mark and is none.
        ("a <|tool_call b <|tool".into(), vec![text("a <|tool_call b <|tool")]),
    ];
    for (answer, expected) in cases {
        for size in [1, 2, 3, 7, 29, 1_000] {
            assert_eq!(read(&answer, size), expected, "{answer:?} by {size}");
        }
    }
}

#[test]
fn what_is_no_call_stays_text() {
    let cases = [
        // An id of another form names no tool.
        one("call_af3", "{}"),
        one("functions.:0", "{}"),
        one("", "{}"),
        // Arguments that are no object.
        one("functions.f:0", "[1]"),
        one("functions.f:0", "{\"a\": }"),
        one("functions.f:0", "{\"a\": \"un"),
        // No arguments at all, and cut off.
        "<|tool_call_begin|>functions.f:0<|tool_call_end|>".to_owned(),
        "<|tool_call_begin|>functions.f:0".to_owned(),
        "<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{\"a\": 1".to_owned(),
        "<|tool_call_argument_begin|>{}".to_owned(),
    ];
    for answer in cases {
        for size in [1, 5, 1_000] {
            assert_eq!(read(&answer, size), [text(&answer)], "by {size}");
        }
        let behind = format!("{answer}{WEATHER}");
        if !answer.ends_with('1') && !answer.ends_with(":0") {
            assert_eq!(read(&behind, 1_000), [text(&answer), weather()], "the next one is a call");
        }
    }
}

#[test]
fn text_is_handed_on_as_it_arrives() {
    let (mut calls, mut pieces) = (KimiCalls::new(0), Vec::new());
    calls.push("Let me <", &mut pieces);
    assert_eq!(pieces, [text("Let me ")], "all but what may begin a mark");
    calls.push("b>see", &mut pieces);
    assert_eq!(pieces, [text("Let me <b>see")]);
    calls.push(WEATHER, &mut pieces);
    assert_eq!(pieces, [text("Let me <b>see"), weather()], "before the answer ends");
}

/// Arguments of a megabyte in pieces of a token each take no time to speak of: their start is not
/// read again with every piece.
#[test]
fn long_arguments_are_read_once() {
    let long = json!({"text": "word ".repeat(200_000)});
    let answer = one("functions.write:0", &long.to_string());
    let start = std::time::Instant::now();
    assert_eq!(read(&answer, 5), [call("functions.write:0", "write", long)]);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    // Past the limit it is text, and nothing is held.
    let longer = one("functions.write:0", &json!({"text": "word ".repeat(1_000_000)}).to_string());
    assert_eq!(read(&longer, 1 << 16), [text(&longer)]);
}

proptest! {
    /// Marks and pieces of calls in any order, cut anywhere: the same is found.
    #[test]
    fn the_cut_changes_nothing(parts in prop::collection::vec(prop::sample::select(vec![
        "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>",
        "<|tool_call_argument_begin|>", "<|tool_call_end|>", "functions.f:0", "f", "{", "}", "\"",
        "{\"a\": \"b\"}", " ", "\n", "<|", "\u{4f60}", "text",
    ]), 0..14), size in 1_usize..9) {
        let answer = parts.concat();
        prop_assert_eq!(read(&answer, size), read(&answer, usize::MAX));
    }
}
