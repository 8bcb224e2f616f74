//! What an answer is made of.

use pricket_core::ToolCall;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Piece {
    /// Text for the reader.
    Text(String),
    /// A whole call.
    Call(ToolCall),
}

/// Adds text to what was found; texts side by side become one.
pub(crate) fn add_text(pieces: &mut Vec<Piece>, text: &str) {
    if text.is_empty() {
        return;
    }
    match pieces.last_mut() {
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}
