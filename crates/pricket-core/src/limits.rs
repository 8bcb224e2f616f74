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
