//! Order, back-pressure, the end in each of its forms, and the ways to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pricket_stream::limits::{CAPACITY_DEFAULT, CAPACITY_MAX};
use pricket_stream::{
    AsyncStream, SendError, TryNext, TrySendError, async_stream_channel,
    async_stream_channel_with_capacity, emit, handle_error,
};

use crate::{Num, eventually, nums, threads};

#[test]
fn a_slow_reader_of_eight_places_gets_ten_thousand_items_in_order() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let stream = AsyncStream::builder().capacity(8).with_channel(move |tx| {
        for i in 0..10_000 {
            emit!(tx, Num::Value(i));
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let mut read = 0;
    for chunk in stream {
        assert_eq!(chunk, Num::Value(read));
        read += 1;
        if read % 1000 == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
        // Memory stays at eight items: no more than those are sent and not read.
        let ahead = sent.load(Ordering::SeqCst).saturating_sub(usize::try_from(read).unwrap());
        assert!(ahead <= 8, "{ahead} items are held");
    }
    assert_eq!(read, 10_000);
}

#[test]
fn a_full_queue_stops_its_producer() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let mut stream = AsyncStream::builder().capacity(3).with_channel(move |tx| {
        for i in 0..10 {
            emit!(tx, Num::Value(i));
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    eventually("three items are sent", || sent.load(Ordering::SeqCst) == 3);
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(sent.load(Ordering::SeqCst), 3, "the fourth had no room");
    assert_eq!((stream.len(), stream.capacity()), (3, 3));
    assert_eq!(stream.next(), Some(Num::Value(0)));
    // One place free: one item more, at once.
    eventually("a fourth item is sent", || sent.load(Ordering::SeqCst) == 4);
    assert_eq!(stream.collect(), nums(1..10));
}

#[test]
fn a_stream_ends_when_its_producer_returns() {
    let stream = AsyncStream::with_channel(|tx| emit!(tx, Num::Value(1)));
    assert_eq!(stream.collect(), nums([1]));
    assert_eq!(AsyncStream::<Num>::with_channel(|_| {}).collect(), []);
}

#[test]
fn a_stream_ends_with_an_error_chunk_when_its_producer_panics() {
    let stream = AsyncStream::with_channel(|tx| {
        emit!(tx, Num::Value(1));
        panic!("weights are {}", "gone");
    });
    let told = "the stream's producer panicked: weights are gone".to_owned();
    assert_eq!(stream.collect(), [Num::Value(1), Num::Bad(told)]);
}

#[test]
fn a_panic_on_a_thread_of_its_own_arrives_too() {
    let stream = AsyncStream::<Num>::builder().thread("own").with_channel(|_| panic!("no"));
    assert_eq!(stream.collect(), [Num::Bad("the stream's producer panicked: no".to_owned())]);
}

#[test]
fn a_stream_ends_with_its_last_sender() {
    let (tx, mut stream) = async_stream_channel();
    let other = tx.clone();
    tx.send(Num::Value(1)).unwrap();
    drop(tx);
    assert_eq!(stream.try_next(), TryNext::Item(Num::Value(1)));
    assert_eq!(stream.try_next(), TryNext::Empty, "one sender is left");
    other.send(Num::Value(2)).unwrap();
    drop(other);
    assert_eq!(stream.try_next(), TryNext::Item(Num::Value(2)));
    assert_eq!(stream.try_next(), TryNext::Ended);
    assert_eq!(stream.try_next(), TryNext::Ended);
    assert_eq!(stream.next(), None);
}

#[test]
fn a_sender_that_outlives_its_producer_keeps_the_stream_open() {
    let stream = AsyncStream::with_channel(|tx| {
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            let _ = tx.send(Num::Value(7));
        });
    });
    assert_eq!(stream.collect(), nums([7]));
}

#[test]
fn a_dropped_reader_stops_the_producer_within_one_item() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let (go, started) = std::sync::mpsc::channel::<()>();
    let mut stream =
        AsyncStream::builder().capacity(64).thread("abandoned").with_channel(move |tx| {
            emit!(tx, Num::Value(0));
            let _ = started.recv();
            loop {
                emit!(tx, Num::Value(1));
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
    assert_eq!(stream.next(), Some(Num::Value(0)));
    assert_eq!(threads::count("abandoned"), 1);
    drop(stream);
    go.send(()).unwrap();
    eventually("the producer's thread ends", || threads::count("abandoned") == 0);
    assert_eq!(sent.load(Ordering::SeqCst), 0, "it had room for 63 more, and sent none");
}

#[test]
fn a_dropped_reader_frees_a_producer_that_waits_for_room() {
    let stream = AsyncStream::builder().capacity(1).thread("stuck").with_channel(|tx| {
        loop {
            emit!(tx, Num::Value(1));
        }
    });
    eventually("the queue is full", || stream.len() == 1);
    std::thread::sleep(Duration::from_millis(10));
    drop(stream);
    eventually("the producer's thread ends", || threads::count("stuck") == 0);
}

#[test]
fn what_nobody_reads_is_dropped_with_the_reader() {
    struct Counted {
        _alive: Arc<()>,
    }
    impl pricket_stream::MessageChunk for Counted {
        fn bad_chunk(_: String) -> Self {
            Self { _alive: Arc::new(()) }
        }
        fn error(&self) -> Option<&str> {
            None
        }
    }
    let alive = Arc::new(());
    let (tx, stream) = async_stream_channel();
    for _ in 0..5 {
        assert!(tx.send(Counted { _alive: Arc::clone(&alive) }).is_ok());
    }
    assert_eq!(Arc::strong_count(&alive), 6);
    drop(stream);
    assert_eq!(Arc::strong_count(&alive), 1, "though a sender still lives");
    assert!(tx.is_closed());
}

#[test]
fn try_send_tells_full_from_closed_and_gives_the_item_back() {
    let (tx, stream) = async_stream_channel_with_capacity(1);
    assert_eq!((tx.len(), tx.capacity(), tx.is_empty()), (0, 1, true));
    assert_eq!(tx.try_send(Num::Value(1)), Ok(()));
    assert_eq!(tx.try_send(Num::Value(2)), Err(TrySendError::Full(Num::Value(2))));
    drop(stream);
    let refused = tx.try_send(Num::Value(3)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the stream is closed: its reader was dropped, or it was cancelled"
    );
    assert_eq!(refused.into_inner(), Num::Value(3));
    assert_eq!(tx.send(Num::Value(4)), Err(SendError(Num::Value(4))));
}

#[test]
fn next_timeout_tells_a_wait_from_an_end() {
    let (tx, mut stream) = async_stream_channel();
    let start = std::time::Instant::now();
    assert_eq!(stream.next_timeout(Duration::from_millis(30)), TryNext::Empty);
    assert!(start.elapsed() >= Duration::from_millis(30));
    assert_eq!(stream.next_timeout(Duration::ZERO), TryNext::Empty);
    tx.send(Num::Value(1)).unwrap();
    assert_eq!(stream.next_timeout(Duration::ZERO), TryNext::Item(Num::Value(1)));
    drop(tx);
    assert_eq!(stream.next_timeout(Duration::MAX), TryNext::Ended);
}

#[test]
fn collect_one_takes_the_first_and_knows_an_empty_stream() {
    let stream = AsyncStream::with_channel(|tx| {
        for i in 5.. {
            emit!(tx, Num::Value(i));
        }
    });
    assert_eq!(stream.collect_one(), Some(Num::Value(5)));
    assert_eq!(AsyncStream::<Num>::empty().collect_one(), None);
    assert_eq!(AsyncStream::once(Num::Value(3)).collect_one(), Some(Num::Value(3)));
}

#[test]
fn collect_or_else_gives_the_handler_s_word_at_the_first_failure() {
    let chunks = vec![Num::Value(1), Num::Bad("a".into()), Num::Bad("b".into())];
    let stream = AsyncStream::from_chunks(chunks);
    let saved = stream.collect_or_else(|bad| Num::Bad(format!("saw {bad:?}")));
    assert_eq!(saved, [Num::Bad("saw Bad(\"a\")".to_owned())]);
    let fine = AsyncStream::from_chunks(nums(0..3)).collect_or_else(|_| Num::Value(99));
    assert_eq!(fine, nums(0..3));
}

#[test]
fn on_chunk_sees_every_chunk_also_those_of_bad_chunk() {
    let doubled = |chunk| match chunk {
        Num::Value(n) => Num::Value(n * 2),
        Num::Bad(why) => Num::Bad(format!("seen: {why}")),
    };
    let stream = AsyncStream::builder().on_chunk(doubled).with_channel(|tx| {
        emit!(tx, Num::Value(4));
        panic!("end");
    });
    let told = "seen: the stream's producer panicked: end".to_owned();
    assert_eq!(stream.collect(), [Num::Value(8), Num::Bad(told)]);

    let (tx, mut stream) = AsyncStream::builder().on_chunk(doubled).on_chunk(doubled).channel();
    tx.send(Num::Value(1)).unwrap();
    assert_eq!(stream.try_next(), TryNext::Item(Num::Value(4)), "two handlers, both run");
}

#[test]
fn handle_error_sends_the_error_and_returns() {
    let stream = AsyncStream::<Num>::with_channel(|tx| {
        if let Err(error) = "x".parse::<u8>() {
            handle_error!(tx, error, "parsing");
        }
        emit!(tx, Num::Value(1));
    });
    assert_eq!(stream.collect(), [Num::Bad("parsing: invalid digit found in string".to_owned())]);
}

#[test]
fn capacities_are_brought_into_range() {
    let capacity = |n| AsyncStream::<Num>::builder().capacity(n).channel().1.capacity();
    assert_eq!(capacity(0), 1);
    assert_eq!(capacity(5), 5);
    assert_eq!(capacity(usize::MAX), CAPACITY_MAX);
    assert_eq!(async_stream_channel::<Num>().1.capacity(), CAPACITY_DEFAULT);
}

#[test]
fn an_empty_built_stream_has_ended() {
    let mut stream = AsyncStream::<Num>::builder().empty();
    assert_eq!(stream.try_next(), TryNext::Ended);
    assert!(stream.is_empty());
}

#[test]
fn hooks_tell_a_producer_that_waits_for_none() {
    let space = Arc::new(AtomicUsize::new(0));
    let closed = Arc::new(AtomicUsize::new(0));
    let (on_space, on_close) = (Arc::clone(&space), Arc::clone(&closed));
    let (tx, mut stream) = AsyncStream::builder()
        .capacity(2)
        .on_space(move || {
            on_space.fetch_add(1, Ordering::SeqCst);
        })
        .on_close(move || {
            on_close.fetch_add(1, Ordering::SeqCst);
        })
        .channel();
    tx.try_send(Num::Value(0)).unwrap();
    tx.try_send(Num::Value(1)).unwrap();
    assert!(stream.next().is_some());
    assert_eq!(space.load(Ordering::SeqCst), 0, "nobody was refused yet");
    tx.try_send(Num::Value(2)).unwrap();
    assert!(tx.try_send(Num::Value(3)).is_err());
    assert!(tx.try_send(Num::Value(3)).is_err());
    assert!(stream.next().is_some());
    assert!(stream.next().is_some());
    assert_eq!(space.load(Ordering::SeqCst), 1, "once for the room, not once per item");
    assert_eq!(closed.load(Ordering::SeqCst), 0);
    stream.cancel();
    drop(stream);
    assert_eq!(closed.load(Ordering::SeqCst), 1, "once, though cancelled and dropped");
}
