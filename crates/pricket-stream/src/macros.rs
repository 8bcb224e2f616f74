//! The two words of a producer's body.

/// Sends a chunk; returns from the producer when nobody reads any more.
///
/// ```
/// # use pricket_stream::{AsyncStream, MessageChunk, emit};
/// # struct N(Option<String>);
/// # impl MessageChunk for N {
/// #     fn bad_chunk(message: String) -> Self { N(Some(message)) }
/// #     fn error(&self) -> Option<&str> { self.0.as_deref() }
/// # }
/// let endless = AsyncStream::with_channel(|tx| loop {
///     emit!(tx, N(None));
/// });
/// assert_eq!(endless.take(3).collect().len(), 3);
/// ```
#[macro_export]
macro_rules! emit {
    ($sender:expr, $chunk:expr $(,)?) => {
        if $sender.send($chunk).is_err() {
            return;
        }
    };
}

/// Logs an error, sends it as an error chunk, and returns from the producer.
///
/// ```
/// # use pricket_stream::{AsyncStream, MessageChunk, handle_error};
/// # struct N(Option<String>);
/// # impl MessageChunk for N {
/// #     fn bad_chunk(message: String) -> Self { N(Some(message)) }
/// #     fn error(&self) -> Option<&str> { self.0.as_deref() }
/// # }
/// let broken = AsyncStream::<N>::with_channel(|tx| match "x".parse::<u8>() {
///     Ok(_) => {}
///     Err(error) => handle_error!(tx, error, "reading the count"),
/// });
/// let chunks = broken.collect();
/// assert_eq!(chunks[0].error(), Some("reading the count: invalid digit found in string"));
/// ```
#[macro_export]
macro_rules! handle_error {
    ($sender:expr, $error:expr, $context:expr $(,)?) => {{
        // Where nobody reads, nobody wants to know.
        let _ = $sender.fail($context, &$error);
        return;
    }};
}
