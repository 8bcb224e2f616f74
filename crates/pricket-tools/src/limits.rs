//! Limits on what comes from outside, each with its argument.

/// Bytes between the mark of a call and that of its arguments. It is a tool's name and a number;
/// names have at most 64 characters where an API bounds them.
pub(crate) const CALL_ID_BYTES_MAX: usize = 1 << 10;

/// Bytes of a call's arguments. A file that a model writes is such an argument; at a few bytes a
/// token this is more than the longest answers have.
pub(crate) const ARGUMENTS_BYTES_MAX: usize = 4 << 20;

/// How often a call's arguments are tried again at a mark that may stand within them as text. Each
/// try reads them from the start.
pub(crate) const ARGUMENT_ENDS_MAX: usize = 16;
