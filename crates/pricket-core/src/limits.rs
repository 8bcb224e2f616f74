//! Every bound of this crate, with its argument.

/// Bytes of a provider's name or alias: a provider's own longest model names have about sixty.
pub(crate) const PROVIDER_NAME_BYTES_MAX: usize = 128;

/// Providers in one registry: every write copies the table, and ten thousand entries are a
/// millisecond of that.
pub(crate) const PROVIDERS_MAX: usize = 10_000;

/// Bytes of a name that suggestions are looked for: the distance to each candidate takes time in
/// the product of both lengths, and nobody mistypes a longer name.
pub(crate) const MISTYPED_BYTES_MAX: usize = 512;

/// How far a mistyped name may be from a suggestion, as a share of its length: one typo in three.
pub(crate) const SUGGESTION_SHARE: usize = 3;

/// Suggestions for a mistyped name; more is a list and no hint.
pub(crate) const SUGGESTIONS_MAX: usize = 3;

/// Texts that break DRY's sequences: each is searched for in every token of a vocabulary.
pub(crate) const DRY_BREAKERS_MAX: usize = 64;

/// Bytes of such a text; the usual ones have one.
pub(crate) const DRY_BREAKER_BYTES_MAX: usize = 128;

/// Banned token sequences: each is compared with the end of the text before every token.
pub(crate) const BAD_WORDS_MAX: usize = 1_024;

/// Tokens of one of them, a long sentence.
pub(crate) const BAD_WORD_TOKENS_MAX: usize = 64;
