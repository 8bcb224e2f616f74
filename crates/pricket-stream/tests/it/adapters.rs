//! Adapters: what they keep, what they change, and that they let go of the stream below.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pricket_stream::{AsyncStream, TryNext, async_stream_channel, emit};

use crate::{Num, eventually, nums, threads};

fn counting(n: u64) -> AsyncStream<Num> {
    AsyncStream::builder().capacity(4).with_channel(move |tx| {
        for i in 0..n {
            emit!(tx, Num::Value(i));
        }
    })
}

fn value(chunk: &Num) -> u64 {
    match chunk {
        Num::Value(n) => *n,
        Num::Bad(_) => u64::MAX,
    }
}

#[test]
fn map_filter_and_filter_map_keep_the_order() {
    let even = counting(100).filter(|chunk| value(chunk).is_multiple_of(2));
    let tripled = even.map(|chunk| Num::Value(value(&chunk) * 3));
    let big = tripled.filter_map(|chunk| (value(&chunk) > 200).then_some(chunk));
    assert_eq!(
        big.collect(),
        nums((0..100).filter(|n| n % 2 == 0).map(|n| n * 3).filter(|n| *n > 200))
    );
}

#[test]
fn filter_cannot_hide_a_failure() {
    let stream = AsyncStream::from_chunks(vec![Num::Value(1), Num::Bad("x".into())]);
    assert_eq!(stream.filter(|_| false).collect(), [Num::Bad("x".into())]);
}

#[test]
fn inspect_sees_and_changes_nothing() {
    let sum = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&sum);
    let stream = counting(10).inspect(move |chunk| {
        seen.fetch_add(usize::try_from(value(chunk)).unwrap(), Ordering::SeqCst);
    });
    assert_eq!(stream.collect(), nums(0..10));
    assert_eq!(sum.load(Ordering::SeqCst), 45);
}

#[test]
fn take_lets_go_of_the_stream_below_with_its_last_chunk() {
    let endless = AsyncStream::builder().thread("endless").with_channel(|tx| {
        for i in 0.. {
            emit!(tx, Num::Value(i));
        }
    });
    let mut three = endless.take(3);
    assert_eq!(three.next(), Some(Num::Value(0)));
    assert_eq!(three.next(), Some(Num::Value(1)));
    assert_eq!(threads::count("endless"), 1);
    assert_eq!(three.next(), Some(Num::Value(2)));
    eventually("the producer's thread ends", || threads::count("endless") == 0);
    assert_eq!(three.next(), None);
    assert_eq!(counting(2).take(5).collect(), nums(0..2));
    assert_eq!(counting(2).take(0).collect(), []);
}

#[test]
fn chunks_group_and_do_not_hold_an_error_back() {
    let groups = counting(7).chunks(3).collect();
    assert_eq!(groups, [nums(0..3), nums(3..6), nums(6..7)]);
    let (tx, stream) = async_stream_channel();
    let mut groups = stream.chunks(10);
    tx.send(Num::Value(1)).unwrap();
    assert_eq!(groups.try_next(), TryNext::Empty);
    tx.send(Num::Bad("x".into())).unwrap();
    assert_eq!(groups.try_next(), TryNext::Item(vec![Num::Value(1), Num::Bad("x".into())]));
    assert_eq!(counting(2).chunks(0).collect(), [nums(0..1), nums(1..2)]);
}

#[test]
fn merge_keeps_each_stream_s_order_and_loses_nothing() {
    let streams = (0..5_u64).map(|s| counting(200).map(move |c| Num::Value(s * 1000 + value(&c))));
    let all = AsyncStream::merge(streams).collect();
    assert_eq!(all.len(), 1000);
    for s in 0..5 {
        let own: Vec<_> = all.iter().map(value).filter(|n| n / 1000 == s).collect();
        assert_eq!(own, (0..200).map(|n| s * 1000 + n).collect::<Vec<_>>());
    }
    assert_eq!(AsyncStream::<Num>::merge([]).collect(), []);
}

#[test]
fn merge_does_not_starve_a_slow_stream() {
    let endless = AsyncStream::with_channel(|tx| {
        loop {
            emit!(tx, Num::Value(1));
        }
    });
    let mut merged = AsyncStream::merge([endless, AsyncStream::once(Num::Value(2))]);
    let first: Vec<_> = merged.by_ref().take_while(|c| *c != Num::Value(2)).collect();
    assert!(first.len() <= 2, "the single chunk came after {}", first.len());
}

#[test]
fn a_parked_reader_of_a_merge_is_woken_by_any_of_them() {
    let (a, left) = async_stream_channel();
    let (b, right) = async_stream_channel();
    let mut merged = AsyncStream::merge([left, right]);
    let sender = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(15));
        b.send(Num::Value(2)).unwrap();
        std::thread::sleep(Duration::from_millis(15));
        a.send(Num::Value(1)).unwrap();
        drop(b);
        std::thread::sleep(Duration::from_millis(15));
    });
    assert_eq!(merged.next(), Some(Num::Value(2)));
    assert_eq!(merged.next(), Some(Num::Value(1)));
    assert_eq!(merged.next(), None);
    sender.join().unwrap();
}

#[test]
fn cancelling_an_adapted_stream_stops_the_producers_below() {
    let (a, left) = async_stream_channel();
    let (b, right) = async_stream_channel();
    let stream = AsyncStream::merge([left.map(|c| c), right]).filter(|_| true);
    stream.cancel();
    assert!(a.send(Num::Value(1)).is_err() && b.send(Num::Value(1)).is_err());
    assert_eq!(stream.collect(), []);
}

#[test]
fn dropping_an_adapted_stream_drops_the_stream_below() {
    let (tx, stream) = async_stream_channel();
    let adapted = stream.map(|c: Num| c).chunks(2).take(9);
    assert!(!tx.is_closed());
    drop(adapted);
    assert!(tx.is_closed());
}

#[test]
fn for_each_meets_every_chunk() {
    let mut sum = 0;
    counting(5).for_each(|chunk| sum += value(&chunk));
    assert_eq!(sum, 10);
}
