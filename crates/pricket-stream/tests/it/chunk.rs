//! The contract of chunks, and what may be shared between threads.

use pricket_stream::{
    AsyncStream, AsyncStreamSender, AsyncTask, CancelToken, Channel, IoPool, MessageChunk,
    OneshotReceiver, OneshotSender,
};

use crate::Num;

#[test]
fn bad_chunk_round_trips_through_error() {
    let bad = Num::bad_chunk("no room".to_owned());
    assert!(bad.is_error());
    assert_eq!(bad.error(), Some("no room"));
    assert!(!Num::Value(1).is_error());
}

#[test]
fn a_group_fails_with_its_first_failure() {
    let group = vec![Num::Value(1), Num::Bad("a".into()), Num::Bad("b".into())];
    assert_eq!(group.error(), Some("a"));
    assert_eq!(Vec::<Num>::bad_chunk("c".into()).error(), Some("c"));
    assert_eq!(Vec::<Num>::new().error(), None);
}

/// Does not compile where a type lost what it promises.
#[test]
fn ends_may_be_sent_and_shared() {
    fn is_send<T: Send>() {}
    fn is_send_sync<T: Send + Sync>() {}
    is_send::<AsyncStream<Num>>();
    is_send_sync::<AsyncStreamSender<Num>>();
    is_send_sync::<Channel<std::cell::Cell<u8>>>();
    is_send_sync::<CancelToken>();
    is_send_sync::<IoPool>();
    is_send::<AsyncTask<Num>>();
    is_send_sync::<OneshotSender<Num>>();
    is_send_sync::<OneshotReceiver<Num>>();
}
