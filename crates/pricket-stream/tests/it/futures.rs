//! `futures_core::Stream`, polled by hand: a waker is called for an item and for the end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_core::Stream;
use pricket_stream::async_stream_channel;

use crate::Num;

#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn polling_waits_by_waker_and_not_by_thread() {
    let calls = Arc::new(Calls::default());
    let waker = Waker::from(Arc::clone(&calls));
    let mut context = Context::from_waker(&waker);
    let (tx, mut stream) = async_stream_channel();
    let mut poll = || Pin::new(&mut stream).poll_next(&mut context);
    assert_eq!(poll(), Poll::Pending);
    tx.send(Num::Value(1)).unwrap();
    assert_eq!(calls.0.load(Ordering::SeqCst), 1);
    tx.send(Num::Value(2)).unwrap();
    assert_eq!(calls.0.load(Ordering::SeqCst), 1, "nobody waits now");
    assert_eq!(poll(), Poll::Ready(Some(Num::Value(1))));
    assert_eq!(poll(), Poll::Ready(Some(Num::Value(2))));
    assert_eq!(poll(), Poll::Pending);
    drop(tx);
    assert_eq!(calls.0.load(Ordering::SeqCst), 2);
    assert_eq!(poll(), Poll::Ready(None));
    assert_eq!(poll(), Poll::Ready(None));
}
