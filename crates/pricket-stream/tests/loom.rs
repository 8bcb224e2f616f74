//! Every schedule of the queue's wake-up and drop protocol, within three preemptions, explored by
//! loom; and the proof that the exploration would notice a missing fence.
//!
//! Run by `cargo xtask loom`: `cargo test -p pricket-stream --test loom --release` with
//! `RUSTFLAGS="--cfg loom"`. Without that flag this file is empty.
#![cfg(loom)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use pricket_stream::{
    AsyncStream, CancelToken, Channel, MessageChunk, TrySendError,
    async_stream_channel_with_capacity, oneshot, set_fences,
};

#[derive(Debug, PartialEq)]
struct Num(u8);

impl MessageChunk for Num {
    fn bad_chunk(_: String) -> Self {
        Self(u8::MAX)
    }
    fn error(&self) -> Option<&str> {
        None
    }
}

fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Whether loom finds a schedule in which every thread sleeps, once the fences are taken out.
fn sleeps_for_ever_without_fences(model: impl Fn() + Sync + Send + 'static) -> bool {
    set_fences(false);
    let outcome = catch_unwind(AssertUnwindSafe(|| explore(model)));
    set_fences(true);
    let Err(panic) = outcome else {
        return false;
    };
    panic.downcast_ref::<String>().is_some_and(|text| text.starts_with("deadlock"))
}

fn parked_reader_is_woken() {
    let (tx, mut stream) = async_stream_channel_with_capacity(2);
    let producer = thread::spawn(move || {
        tx.send(Num(1)).unwrap();
    });
    assert_eq!(stream.next(), Some(Num(1)));
    assert_eq!(stream.next(), None);
    producer.join().unwrap();
}

/// The sender stays, so that only the item itself can wake the reader.
fn item_alone_wakes_the_reader() {
    let (tx, mut stream) = async_stream_channel_with_capacity(2);
    let keep = tx.clone();
    let producer = thread::spawn(move || {
        tx.send(Num(1)).unwrap();
        tx
    });
    assert_eq!(stream.next(), Some(Num(1)));
    drop((producer.join().unwrap(), keep));
    assert_eq!(stream.next(), None);
}

fn parked_writer_is_woken() {
    let (tx, mut stream) = async_stream_channel_with_capacity(1);
    let producer = thread::spawn(move || {
        tx.send(Num(1)).unwrap();
        tx.send(Num(2)).unwrap();
    });
    assert_eq!(stream.next(), Some(Num(1)));
    // The second item can only come when the first one's room was made known.
    assert_eq!(stream.next(), Some(Num(2)));
    producer.join().unwrap();
    assert_eq!(stream.next(), None);
}

#[test]
fn a_parked_reader_is_woken_by_an_item_and_by_the_end() {
    explore(parked_reader_is_woken);
    explore(item_alone_wakes_the_reader);
}

#[test]
fn a_parked_writer_is_woken_by_room() {
    explore(parked_writer_is_woken);
}

#[test]
fn without_its_fences_the_protocol_loses_a_wake_up_and_the_model_shows_it() {
    assert!(
        sleeps_for_ever_without_fences(item_alone_wakes_the_reader),
        "the model explores too little: it accepts a reader that sleeps for ever"
    );
    // With the fences in, on the same thread, the same models hold.
    explore(item_alone_wakes_the_reader);
}

#[test]
fn a_dropped_reader_frees_a_parked_writer() {
    explore(|| {
        let (tx, stream) = async_stream_channel_with_capacity(1);
        tx.try_send(Num(0)).unwrap();
        // Room that the drop makes may take one chunk more; the next send fails.
        let producer = thread::spawn(move || (1..=2).any(|n| tx.send(Num(n)).is_err()));
        drop(stream);
        assert!(producer.join().unwrap());
    });
}

#[test]
fn a_cancelled_stream_frees_both_ends() {
    explore(|| {
        let token = CancelToken::new();
        let (tx, mut stream) = AsyncStream::builder().cancel_token(token.clone()).channel();
        let canceller = thread::spawn(move || token.cancel());
        assert_eq!(stream.next(), None);
        assert_eq!(tx.send(Num(1)).map_err(|e| e.0), Err(Num(1)));
        canceller.join().unwrap();
    });
}

#[test]
fn two_senders_and_their_drops_lose_nothing() {
    explore(|| {
        let (tx, stream) = async_stream_channel_with_capacity(2);
        let other = tx.clone();
        let a = thread::spawn(move || tx.send(Num(1)).unwrap());
        let b = thread::spawn(move || other.send(Num(2)).unwrap());
        let got: u8 = stream.collect().iter().map(|n| n.0).sum();
        assert_eq!(got, 3);
        a.join().unwrap();
        b.join().unwrap();
    });
}

#[test]
fn a_refused_try_send_is_told_of_room() {
    explore(|| {
        let space = Arc::new((Mutex::new(false), Condvar::new()));
        let told = Arc::clone(&space);
        let (tx, mut stream) = AsyncStream::builder()
            .capacity(1)
            .on_space(move || {
                *told.0.lock().unwrap() = true;
                told.1.notify_one();
            })
            .channel();
        let reader = thread::spawn(move || {
            assert_eq!(stream.next(), Some(Num(1)));
            assert_eq!(stream.next(), Some(Num(2)));
        });
        tx.try_send(Num(1)).unwrap();
        let mut chunk = Num(2);
        while let Err(TrySendError::Full(back)) = tx.try_send(chunk) {
            chunk = back;
            let mut is_told = space.0.lock().unwrap();
            while !*is_told {
                is_told = space.1.wait(is_told).unwrap();
            }
            *is_told = false;
        }
        reader.join().unwrap();
    });
}

#[test]
fn a_oneshot_tells_of_a_dropped_sender() {
    explore(|| {
        let (tx, rx) = oneshot::<u8>();
        let dropper = thread::spawn(move || drop(tx));
        assert!(rx.recv().is_err());
        dropper.join().unwrap();
    });
}

#[test]
fn a_channel_wakes_each_of_two_receivers() {
    explore(|| {
        let channel = Channel::bounded(2);
        let (a, b) = (channel.clone(), channel.clone());
        let first = thread::spawn(move || a.recv());
        let second = thread::spawn(move || b.recv());
        channel.send(1_u8).unwrap();
        channel.send(2_u8).unwrap();
        let got = first.join().unwrap().unwrap() + second.join().unwrap().unwrap();
        assert_eq!(got, 3);
    });
}

#[test]
fn a_closed_channel_wakes_its_receiver() {
    explore(|| {
        let channel = Channel::<u8>::bounded(1);
        let receiver = channel.clone();
        let waiting = thread::spawn(move || receiver.recv());
        channel.close();
        assert_eq!(waiting.join().unwrap(), None);
    });
}
