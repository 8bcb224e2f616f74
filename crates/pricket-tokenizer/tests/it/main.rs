//! The public contract of `pricket-tokenizer`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::too_many_lines,
    reason = "a test fails by panicking, says aloud what it skips, and keeps its table in one place"
)]

mod fixtures;

mod gguf_file;
mod gguf_vocab;
mod hostile;
mod injection;
mod jinja;
mod oracle;
mod pairs;
mod ranks;
mod speed;
mod stop;
mod streaming;
mod templates;
mod unigram;
mod vocabularies;
