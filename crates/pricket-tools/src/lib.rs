//! What models write when they call tools.
//!
//! It does not know tokens, models or what a tool does: text goes in, piece by piece, and texts and
//! calls come out.
//!
//! Key types: [`KimiCalls`] reads an answer in the form of Kimi-K2; what it finds are [`Piece`]s.
//!
//! 1. `let mut calls = KimiCalls::new(calls_before)`
//! 2. `calls.push(text, &mut pieces)` with each piece of the answer's text
//! 3. `calls.finish(&mut pieces)` at its end
//!
//! Costs: text outside calls is handed on at once, but for what may begin a mark; a call when it is
//! complete. No more than one call is held, and of that no more than a limit.

mod kimi;
mod limits;
mod piece;

pub use kimi::KimiCalls;
pub use piece::Piece;
