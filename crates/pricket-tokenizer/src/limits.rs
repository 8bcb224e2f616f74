//! Limits on what comes from outside, each with its argument.

/// Bytes of a `tokenizer.json`. The largest in use (Gemma 3, 262k tokens) is 33 MB.
pub(crate) const TOKENIZER_JSON_BYTES_MAX: usize = 256 << 20;

/// One past the largest token id. The largest vocabulary in use has 262,208; tables are as long as
/// the largest id, so an id of 4 billion in a file of 50 bytes must not allocate 4 billion entries.
pub(crate) const VOCAB_SIZE_MAX: usize = 1 << 21;

/// Bytes of one token's text. The longest in real vocabularies (runs of spaces or dashes) stay
/// under 1 KiB.
pub(crate) const TOKEN_BYTES_MAX: usize = 16 << 10;

/// Bytes of one text to encode. The splitting keeps about 40 bytes of bookkeeping per byte.
pub(crate) const TEXT_BYTES_MAX: usize = 64 << 20;

/// How deep the components of a `tokenizer.json` may nest. Real ones are two deep.
pub(crate) const COMPONENT_DEPTH_MAX: usize = 8;

/// Components of one kind in a `tokenizer.json`. Real ones have at most a dozen.
pub(crate) const COMPONENTS_MAX: usize = 64;

/// Bytes of one regular expression in a `tokenizer.json`. Real ones stay under 2 KiB; compiling
/// takes time and memory in proportion to the length.
pub(crate) const REGEX_BYTES_MAX: usize = 16 << 10;

/// Tokens added beside the model's own. Real files have up to 6,500 (Gemma 3).
pub(crate) const ADDED_TOKENS_MAX: usize = 1 << 16;

/// Bytes of a chat template. The longest in use have about 20 KiB.
pub(crate) const TEMPLATE_BYTES_MAX: usize = 1 << 20;

/// Bytes that a rendering may have: what the tokenizer would refuse anyway.
pub(crate) const RENDERED_BYTES_MAX: usize = TEXT_BYTES_MAX;

/// Steps of the template engine for one rendering. A turn takes about 200 steps, so this is a
/// conversation of a hundred thousand turns, and some seconds of a hostile loop.
pub(crate) const TEMPLATE_STEPS_MAX: u64 = 20_000_000;

/// Nested macro calls and includes of one rendering. Real templates nest 4 deep.
pub(crate) const TEMPLATE_RECURSION_MAX: usize = 64;

/// How deep the JSON of messages, tools and variables may nest: what `serde_json` reads at most.
pub(crate) const VALUE_DEPTH_MAX: usize = 128;

/// Bytes of a `tiktoken.model`. Kimi's, with 163,584 tokens, has 2.8 MB; building the merges looks
/// at every way to cut every token, which takes time in proportion to this and to the next limit.
pub(crate) const RANKS_FILE_BYTES_MAX: usize = 16 << 20;

/// Bytes of one ranked token. The longest of real files, runs of spaces, have 128.
pub(crate) const RANK_TOKEN_BYTES_MAX: usize = 512;

/// The special tokens that Kimi's code puts behind the ranks, named or not.
pub(crate) const RESERVED_TOKENS_COUNT: usize = 256;

/// Bytes of a `precompiled_charsmap` in base64. That of NFKC, which nearly all models carry, has
/// 322,000; walking it takes time in proportion.
pub(crate) const CHARSMAP_BYTES_MAX: usize = 4 << 20;

/// Bytes of a text that a charsmap puts in the place of another. The longest of NFKC has 33; a text
/// may grow by as much at each of its characters.
pub(crate) const CHARSMAP_TEXT_BYTES_MAX: usize = 256;

/// Bytes of a piece of a Unigram model. SentencePiece's own limit is 512; the trie of pieces is as
/// deep as the longest has bytes, and is given back by a call for each level.
pub(crate) const UNIGRAM_PIECE_BYTES_MAX: usize = 1024;
