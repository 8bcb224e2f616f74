//! A door for those who live in an async world; nothing inside the house uses it.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::sync::Waiter;
use crate::{AsyncStream, MessageChunk, TryNext};

/// Nothing in a stream is pinned.
impl<T: MessageChunk> Unpin for AsyncStream<T> {}

/// Polling registers the executor's waker in the reader's seat, in place of a parked thread. The
/// end is final: a stream polled after it gives `None` again. With `StreamExt` in scope write
/// `StreamExt::next(&mut stream)`, because `Iterator::next` has the same name and waits.
impl<T: MessageChunk> Stream for AsyncStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            match self.try_next() {
                TryNext::Item(chunk) => return Poll::Ready(Some(chunk)),
                TryNext::Ended => return Poll::Ready(None),
                TryNext::Empty => {}
            }
            if self.register(&Waiter::Waker(context.waker().clone())) {
                return Poll::Pending;
            }
        }
    }
}
