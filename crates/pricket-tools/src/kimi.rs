//! Calls as Kimi-K2 writes them.
//!
//! ```text
//! text<|tool_calls_section_begin|>
//!   <|tool_call_begin|>functions.NAME:INDEX<|tool_call_argument_begin|>{..}<|tool_call_end|> ..
//! <|tool_calls_section_end|>
//! ```
//!
//! Answers depart from that, and are read all the same: without the section around the calls, with
//! text before or behind it, with spaces and lines about an id, without the space `functions.` or
//! without a number, with no end behind the last call. What is no call, because its id names no
//! tool or its arguments are no JSON object, is text, marks and all: nothing that the model wrote
//! is lost but a section's own marks and the spaces in it.

mod id;

use pricket_core::ToolCall;
use serde_json::{Map, Value};

use crate::limits::{ARGUMENT_ENDS_MAX, ARGUMENTS_BYTES_MAX, CALL_ID_BYTES_MAX};
use crate::piece::{Piece, add_text};

const SECTION_BEGIN: &str = "<|tool_calls_section_begin|>";
const SECTION_END: &str = "<|tool_calls_section_end|>";
const CALL_BEGIN: &str = "<|tool_call_begin|>";
const ARGUMENTS_BEGIN: &str = "<|tool_call_argument_begin|>";
const CALL_END: &str = "<|tool_call_end|>";

const MARKS: [&str; 5] = [SECTION_BEGIN, SECTION_END, CALL_BEGIN, ARGUMENTS_BEGIN, CALL_END];

/// What is held beyond so many bytes is the arguments of a call: all else is shorter.
const LOOKED_AT_ALWAYS: usize = 2 * CALL_ID_BYTES_MAX;

/// The calls in an answer of Kimi's, found as its text arrives.
#[derive(Debug)]
pub struct KimiCalls {
    /// What was not handed on: what may begin a mark, or a call that is not complete.
    held: String,
    in_section: bool,
    /// Whether nothing but spaces came in a section since its last mark: they mean nothing there.
    between: bool,
    /// The index of the next call that does not bring one.
    next: u64,
}

/// What the held text is, from its start.
enum Found {
    /// Text of so many bytes.
    Text(usize),
    /// A mark around calls.
    Mark(&'static str),
    /// A call of so many bytes.
    Call(ToolCall, usize),
    /// It cannot be told yet.
    Open,
}

impl KimiCalls {
    /// A reader for an answer in a conversation that has so many calls, which count on from there.
    pub fn new(calls_before: u64) -> Self {
        Self { held: String::new(), in_section: false, between: false, next: calls_before }
    }

    /// Takes the next piece of the answer and adds what it completes to `pieces`. Texts side by
    /// side become one, where the last of `pieces` is a text, too.
    pub fn push(&mut self, text: &str, pieces: &mut Vec<Piece>) {
        let before = self.held.len();
        self.held.push_str(text);
        // Long arguments arrive in many pieces: only what ends them is worth another look at all.
        let is_long = before > LOOKED_AT_ALWAYS && self.held.len() <= ARGUMENTS_BYTES_MAX;
        if is_long && !self.brings_mark(before) {
            return;
        }
        self.drain(false, pieces);
    }

    /// Whether a mark ends in what came behind so many held bytes.
    fn brings_mark(&self, before: usize) -> bool {
        let first = self.held.floor_char_boundary(before.saturating_sub(SECTION_BEGIN.len()));
        self.held.get(first..).is_some_and(|tail| first_mark(tail).is_some())
    }

    /// Ends the answer: what is still held is a call that lacks only its end, or text.
    pub fn finish(&mut self, pieces: &mut Vec<Piece>) {
        self.drain(true, pieces);
        (self.in_section, self.between) = (false, false);
    }

    fn drain(&mut self, is_last: bool, pieces: &mut Vec<Piece>) {
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_str();
        while !rest.is_empty() {
            match self.next(rest, is_last) {
                Found::Text(len) => {
                    let (text, behind) = rest.split_at(len);
                    let text = if self.between { text.trim_start() } else { text };
                    self.between &= text.is_empty();
                    add_text(pieces, text);
                    rest = behind;
                }
                Found::Mark(mark) => {
                    self.in_section = mark == SECTION_BEGIN;
                    self.between = self.in_section;
                    rest = rest.get(mark.len()..).unwrap_or_default();
                }
                Found::Call(call, len) => {
                    self.next += 1;
                    self.between = self.in_section;
                    pieces.push(Piece::Call(call));
                    rest = rest.get(len..).unwrap_or_default();
                }
                Found::Open => break,
            }
        }
        rest.clone_into(&mut self.held);
    }

    /// What a text begins with.
    fn next(&self, text: &str, is_last: bool) -> Found {
        let Some((at, mark)) = first_mark(text) else {
            let open = if is_last { 0 } else { begun_mark(text) };
            return if text.len() > open { Found::Text(text.len() - open) } else { Found::Open };
        };
        match (at, mark) {
            (0, CALL_BEGIN) => self.call(text, is_last),
            (0, SECTION_BEGIN | SECTION_END) => Found::Mark(mark),
            // A mark that belongs to no call.
            (0, _) => Found::Text(mark.len()),
            (at, _) => Found::Text(at),
        }
    }

    /// The call that a text begins with.
    fn call(&self, text: &str, is_last: bool) -> Found {
        let no_call = Found::Text(CALL_BEGIN.len());
        let behind = text.get(CALL_BEGIN.len()..).unwrap_or_default();
        let (header, arguments) = match first_mark(behind) {
            Some((at, ARGUMENTS_BEGIN)) if at <= CALL_ID_BYTES_MAX => {
                (behind.get(..at), behind.get(at + ARGUMENTS_BEGIN.len()..).unwrap_or_default())
            }
            Some(_) => return no_call,
            None if is_last || behind.len() > CALL_ID_BYTES_MAX + ARGUMENTS_BEGIN.len() => {
                return no_call;
            }
            None => return Found::Open,
        };
        let Some((id, name)) = id::read(header.unwrap_or_default(), self.next) else {
            return no_call;
        };
        let before = text.len() - arguments.len();
        match object(arguments, is_last) {
            Object::Whole(arguments, len) => {
                Found::Call(ToolCall { id, name, arguments }, before + len)
            }
            Object::None => no_call,
            Object::Open => Found::Open,
        }
    }
}

/// The arguments that a text begins with.
enum Object {
    /// An object, and how many bytes it takes with the end of its call.
    Whole(Value, usize),
    None,
    /// It cannot be told yet.
    Open,
}

/// Reads arguments up to the mark behind them. A mark may stand in a string of theirs: what is no
/// object up to a mark may be one up to a later one.
fn object(text: &str, is_last: bool) -> Object {
    let mut end = 0;
    for _ in 0..ARGUMENT_ENDS_MAX {
        let Some((at, mark)) = text.get(end..).and_then(first_mark) else {
            if is_last {
                return read_object(text)
                    .map_or(Object::None, |read| Object::Whole(read, text.len()));
            }
            let is_long = text.len() > ARGUMENTS_BYTES_MAX;
            return if is_long { Object::None } else { Object::Open };
        };
        let before = text.get(..end + at).unwrap_or_default();
        if let Some(read) = read_object(before) {
            let own = if mark == CALL_END { mark.len() } else { 0 };
            return Object::Whole(read, before.len() + own);
        }
        if before.len() > ARGUMENTS_BYTES_MAX || !ends_in_string(before) {
            return Object::None;
        }
        end += at + mark.len();
    }
    Object::None
}

/// An object's text; none at all means an empty one.
fn read_object(text: &str) -> Option<Value> {
    if text.trim().is_empty() {
        return Some(Value::Object(Map::new()));
    }
    serde_json::from_str(text).ok().filter(Value::is_object)
}

/// Whether a JSON text ends inside a string.
fn ends_in_string(text: &str) -> bool {
    let (mut inside, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            _ => {}
        }
    }
    inside
}

/// The first mark in a text, and where.
fn first_mark(text: &str) -> Option<(usize, &'static str)> {
    let places = text.match_indices("<|tool_call").map(|(at, _)| at);
    places.into_iter().find_map(|at| {
        let here = text.get(at..)?;
        MARKS.into_iter().find(|mark| here.starts_with(mark)).map(|mark| (at, mark))
    })
}

/// How many bytes at the end of a text may begin a mark.
fn begun_mark(text: &str) -> usize {
    let longest = MARKS.iter().map(|mark| mark.len() - 1).max().unwrap_or(0);
    let tails = (1..=longest.min(text.len())).rev();
    let is_begun = |tail: &str| MARKS.iter().any(|mark| mark.starts_with(tail));
    tails.into_iter().find(|len| text.get(text.len() - len..).is_some_and(is_begun)).unwrap_or(0)
}
