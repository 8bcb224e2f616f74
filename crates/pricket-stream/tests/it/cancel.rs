//! Tokens, and what they stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pricket_stream::{AsyncStream, CancelToken, TryNext, emit};

use crate::{Num, eventually, nums};

#[test]
fn a_token_stops_a_generation_between_tokens() {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    let token = CancelToken::new();
    let stream = AsyncStream::builder()
        .cancel_token(token.clone())
        .thread("generation")
        .with_channel(move |tx| {
            let stop = tx.cancel_token();
            let mut n = 0;
            while !stop.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
                counter.fetch_add(1, Ordering::SeqCst);
                emit!(tx, Num::Value(n));
                n += 1;
            }
        });
    eventually("five tokens", || made.load(Ordering::SeqCst) >= 5);
    token.cancel();
    eventually("the thread ends", || crate::threads::count("generation") == 0);
    let chunks = stream.collect();
    let total = made.load(Ordering::SeqCst);
    assert!(chunks.len() >= 5 && chunks.len() <= total, "{} of {total}", chunks.len());
    assert_eq!(chunks, nums(0..chunks.len() as u64), "what was sent before can be read");
}

#[test]
fn cancelling_ends_a_parked_reader_whose_producer_is_deaf() {
    let token = CancelToken::new();
    let (tx, mut stream) = AsyncStream::<Num>::builder().cancel_token(token.clone()).channel();
    let canceller = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        token.cancel();
    });
    let start = Instant::now();
    assert_eq!(stream.next(), None);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(tx.send(Num::Value(1)).is_err());
    canceller.join().unwrap();
}

#[test]
fn cancelling_frees_a_sender_that_waits_for_room() {
    let (tx, stream) = AsyncStream::builder().capacity(1).channel();
    tx.send(Num::Value(0)).unwrap();
    let sender = std::thread::spawn(move || tx.send(Num::Value(1)));
    std::thread::sleep(Duration::from_millis(20));
    stream.cancel();
    assert!(sender.join().unwrap().is_err());
    assert_eq!(stream.collect(), nums([0]));
}

#[test]
fn a_stream_of_a_cancelled_token_is_closed_from_the_start() {
    let token = CancelToken::new();
    token.cancel();
    let (tx, mut stream) = AsyncStream::builder().cancel_token(token).channel();
    assert!(tx.send(Num::Value(1)).is_err());
    assert_eq!(stream.try_next(), TryNext::Ended);
    let ready = AsyncStream::from_chunks(nums(0..3));
    ready.cancel();
    assert_eq!(ready.collect(), []);
}

#[test]
fn children_fall_with_their_parent_and_not_the_other_way_round() {
    let parent = CancelToken::new();
    let (a, b) = (parent.child(), parent.child());
    let grandchild = a.child();
    a.cancel();
    assert!(grandchild.is_cancelled() && !parent.is_cancelled() && !b.is_cancelled());
    parent.cancel();
    assert!(b.is_cancelled() && parent.child().is_cancelled());
}

#[test]
fn hooks_run_once_and_at_once_when_late() {
    let token = CancelToken::new();
    let runs = Arc::new(AtomicUsize::new(0));
    let count = |runs: &Arc<AtomicUsize>| {
        let runs = Arc::clone(runs);
        move || {
            runs.fetch_add(1, Ordering::SeqCst);
        }
    };
    token.on_cancel(count(&runs));
    token.clone().on_cancel(count(&runs));
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    token.cancel();
    token.cancel();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    token.on_cancel(count(&runs));
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

#[test]
fn a_long_chain_of_children_is_cancelled_without_recursion() {
    let root = CancelToken::new();
    let mut chain = vec![root.child()];
    for i in 0..100_000 {
        chain.push(chain[i].child());
    }
    root.cancel();
    assert!(chain.iter().all(CancelToken::is_cancelled));
    // Dropped from the root on: a token owns no child, so this does not recurse either.
    drop(root);
    drop(chain);
}
