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

/// The most aliases, and the most rules, in a configuration. Each alias is held against all others,
/// which at this number is done in milliseconds; a registry holds 1024 rules.
pub(crate) const MODEL_TABLES_MAX: usize = 1_000;

/// How much of a wrong key or value is told, in characters: enough to know it again.
pub(crate) const MISTAKE_CHARS_MAX: usize = 60;

/// How much of a sentence about a mistake is told, in characters. Sentences of our own are shorter;
/// those of parsers quote what they read, at any length.
pub(crate) const MISTAKE_SENTENCE_CHARS_MAX: usize = 400;

/// The most sequences that `bench` runs side by side. The engine runs some dozens; far beyond that
/// a pass is bound by arithmetic, and more sequences tell nothing new.
pub(crate) const BENCH_SEQUENCES_MAX: usize = 1_024;

/// The most worker threads. Machines with two sockets have up to 384 cores; past their number
/// threads only wait for one another, and ten thousand wait for minutes.
pub(crate) const THREADS_MAX: u64 = 1_024;
