//! One stream, several readers.

use std::time::Duration;

use pricket_stream::{AsyncStream, TryNext, async_stream_channel_with_capacity, emit};

use crate::{Num, nums};

#[test]
fn every_branch_gets_every_chunk_in_order() {
    let stream = AsyncStream::builder().capacity(4).with_channel(|tx| {
        for i in 0..2000 {
            emit!(tx, Num::Value(i));
        }
    });
    let readers: Vec<_> = stream
        .fan_out(3)
        .into_iter()
        .map(|branch| std::thread::spawn(move || branch.collect()))
        .collect();
    for reader in readers {
        assert_eq!(reader.join().unwrap(), nums(0..2000));
    }
}

#[test]
fn the_slowest_branch_holds_the_others_back_until_it_is_dropped() {
    let (tx, stream) = async_stream_channel_with_capacity(2);
    let mut branches = stream.fan_out(2);
    let (mut slow, mut fast) = (branches.remove(0), branches.remove(0));
    for i in 0..2 {
        tx.send(Num::Value(i)).unwrap();
        assert_eq!(fast.try_next(), TryNext::Item(Num::Value(i)));
    }
    tx.send(Num::Value(2)).unwrap();
    assert_eq!(fast.try_next(), TryNext::Empty, "the slow one holds two");
    assert_eq!(slow.try_next(), TryNext::Item(Num::Value(0)));
    assert_eq!(fast.try_next(), TryNext::Item(Num::Value(2)));
    tx.send(Num::Value(3)).unwrap();
    let waiting = std::thread::spawn(move || (fast.next(), fast));
    std::thread::sleep(Duration::from_millis(20));
    drop(slow);
    let (chunk, fast) = waiting.join().unwrap();
    assert_eq!(chunk, Some(Num::Value(3)));
    assert!(!tx.is_closed());
    drop(fast);
    assert!(tx.is_closed(), "the last branch takes the stream with it");
}

#[test]
fn a_cancelled_branch_ends_alone() {
    let (tx, stream) = async_stream_channel_with_capacity(1);
    let mut branches = stream.fan_out(2);
    let (mut gone, mut stays) = (branches.remove(0), branches.remove(0));
    let token = gone.cancel_token();
    let waiting = std::thread::spawn(move || (gone.next(), gone));
    std::thread::sleep(Duration::from_millis(20));
    token.cancel();
    let (end, _gone) = waiting.join().unwrap();
    assert_eq!(end, None);
    for i in 0..5 {
        tx.send(Num::Value(i)).unwrap();
        assert_eq!(stays.next(), Some(Num::Value(i)), "nobody is held back");
    }
}

#[test]
fn no_branch_means_no_stream() {
    let (tx, stream) = async_stream_channel_with_capacity::<Num>(1);
    assert!(stream.fan_out(0).is_empty());
    assert!(tx.is_closed());
}
