//! Every bound of the engine, with its argument.

/// How many requests may wait where the options say nothing. A waiting request holds its prompt's
/// ids and a stream; 256 of them are a few megabytes, and minutes of work for a CPU.
pub const QUEUE_LEN_DEFAULT: usize = 256;

/// The longest queue that the options may ask for: past it a caller waits for hours, and would
/// rather be told that the engine is busy.
pub const QUEUE_LEN_MAX: usize = 65_536;

/// Prompt tokens per forward pass where the options say nothing. Matrix tiles are filled from a few
/// dozen tokens on; 256 tokens of a 1B model take a CPU under a second, which bounds how late a
/// dropped stream is noticed.
pub const PREFILL_CHUNK_DEFAULT: usize = 256;

/// The most prompt tokens per forward pass: a model's scratch grows with it.
pub const PREFILL_CHUNK_MAX: usize = 8_192;

/// How many sequences may run side by side: a batch that is wider helps no CPU, and the cache of
/// keys and values grows with every one.
pub const SEQUENCES_MAX: usize = 256;

/// Chunks that a stream holds for its reader. A fast model makes some hundred tokens per second, so
/// a reader that stalls for half a second does not stall the engine.
pub const STREAM_CHUNKS: usize = 128;

/// Chunks that one step of a sequence may send at most: the token's text, the rest that a stop text
/// held back, and the terminal chunk. A sequence steps only while its stream has room for them, so
/// that no send ever waits and the terminal chunk always fits.
pub const STEP_CHUNKS_MAX: usize = 3;

/// Texts that end an answer, per request. Each is searched for in every token's text.
pub const STOP_TEXTS_MAX: usize = 64;

/// Bytes of one stop text. The emitter holds back as many.
pub const STOP_TEXT_BYTES_MAX: usize = 4_096;

/// Alternatives beside each token's log-probability. Each costs a selection over the vocabulary,
/// and no wire format that we know asks for more than 20.
pub const LOGPROBS_MAX: usize = 128;

/// Tokens for which a request's buffers are laid out before its first step; a longer answer grows
/// them geometrically. An answer without `max_tokens` may be as long as the context, and most are
/// not.
pub const RESERVE_TOKENS_MAX: usize = 4_096;

/// How many requests for vectors or scores may run at a time where the options say nothing. Each
/// has a thread that encodes its texts and waits for its reader.
pub const EMBED_REQUESTS_DEFAULT: usize = 64;

/// The most that the options may ask for: a thousand threads, nearly all of which wait.
pub const EMBED_REQUESTS_MAX: usize = 1_024;

/// Vectors or scores that a stream holds for its reader: what a CPU computes of short texts in some
/// tenths of a second.
pub const EMBED_CHUNKS: usize = 256;

/// Bytes of text laid out per reserved token: English averages about four.
pub const RESERVE_BYTES_PER_TOKEN: usize = 6;

/// How long a request waits for what one step of priority is worth. An answer on a CPU takes some
/// seconds, so a request of the next higher priority overtakes those of about one answer's time;
/// 255 steps are a bit over twenty minutes, so nobody waits for ever.
pub const AGING_MS: u64 = 5_000;

/// For how long a reader that is behind keeps its sequence's place from those that wait. Its stream
/// holds half a second of a fast model's text; who has not read a chunk for two seconds more has
/// stopped to read.
pub const STALLED_MS_MAX: u64 = 2_000;

/// How much longer than a step that only decodes one may take that prompts have a part in. Twice is
/// what a reader may notice; the rest is for what the measured steps did not tell.
pub const STEP_GROWTH_MAX: f64 = 1.8;

/// Prompt tokens that a step with decoding sequences takes however long it grows: fewer do not fill
/// a tile of the matrix kernels, so a prompt would pay as much for less.
pub const PREFILL_TOKENS_MIN: usize = 16;

/// After so many steps in a row that decoded and held prompts, one only decodes, to learn again how
/// long that takes: a prompt is later by a thirtieth at most.
pub const MIXED_STEPS_MAX: usize = 32;
