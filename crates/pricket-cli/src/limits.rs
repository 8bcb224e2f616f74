//! How much this program takes from outside.

/// The longest text read from standard input or from a file given on the command line, in bytes. A
/// context of a million tokens is about 4 MB of text; sixteen times that is certainly a mistake.
pub(crate) const INPUT_BYTES_MAX: u64 = 64 << 20;

/// The most lines that the chat's history keeps.
pub(crate) const HISTORY_LINES_MAX: usize = 1_000;
