//! The contract of what travels in a stream: plain values that can also say what went wrong.

/// One value of an [`AsyncStream`](crate::AsyncStream).
///
/// A stream carries no `Result`: a failure is a chunk like any other, so that it keeps its place in
/// the order and cannot be thrown away by a careless `filter_map(Result::ok)`. `Result` is foreign
/// to every crate that could implement this trait for it, hence a stream of results does not
/// compile.
pub trait MessageChunk: Send + 'static {
    /// A chunk that tells of a failure; `error()` of it gives `message` back.
    fn bad_chunk(message: String) -> Self;

    /// The failure that this chunk tells of, if it tells of one.
    fn error(&self) -> Option<&str>;

    /// Whether this chunk tells of a failure.
    fn is_error(&self) -> bool {
        self.error().is_some()
    }
}

/// A group of chunks fails with its first failed chunk.
impl<T: MessageChunk> MessageChunk for Vec<T> {
    fn bad_chunk(message: String) -> Self {
        vec![T::bad_chunk(message)]
    }

    fn error(&self) -> Option<&str> {
        self.iter().find_map(MessageChunk::error)
    }
}
