//! How much this program takes from outside.

/// The longest text read from standard input or from a file given on the command line, in bytes. A
/// context of a million tokens is about 4 MB of text; sixteen times that is certainly a mistake.
pub(crate) const INPUT_BYTES_MAX: u64 = 64 << 20;

/// The most lines that the chat's history keeps.
pub(crate) const HISTORY_LINES_MAX: usize = 1_000;

/// The longest configuration file, in bytes. One with every setting and a hundred aliases is 20 KB;
/// fifty times that is certainly another file.
pub(crate) const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// The most mistakes of a configuration that are told at once: a screen of them. Of more, the
/// number is told.
pub(crate) const MISTAKES_TOLD_MAX: usize = 20;

/// The most mistakes of a configuration that are kept to be told; the rest is counted. They are
/// found in any order and told from the top, so it is more than are told.
pub(crate) const MISTAKES_KEPT_MAX: usize = 1_000;

/// The most aliases in a configuration. Each is held against all others, which at this number is
/// done in milliseconds.
pub(crate) const ALIASES_MAX: usize = 1_000;

/// How much of a wrong key or value is told, in characters: enough to know it again.
pub(crate) const MISTAKE_CHARS_MAX: usize = 60;

/// The longest name that a suggestion is looked for, in characters; no key or variable is half as
/// long. The cost of a look grows with the length, and a file may hold many names.
pub(crate) const SUGGESTION_CHARS_MAX: usize = 64;
