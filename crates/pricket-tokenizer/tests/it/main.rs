//! The public contract of `pricket-tokenizer`.

mod fixtures;

mod gguf_file;
mod gguf_vocab;
mod hostile;
mod injection;
mod jinja;
mod oracle;
mod stop;
mod streaming;
mod templates;
mod vocabularies;
