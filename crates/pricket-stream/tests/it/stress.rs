//! Many senders, tiny queues, drops and cancels at random moments: nothing is lost before the drop,
//! nothing hangs after it. The seed is printed with a failure.

use std::time::Duration;

use pricket_stream::{AsyncStream, async_stream_channel_with_capacity};
use proptest::prelude::*;

use crate::{Num, eventually};

/// What the reader does in the middle.
#[derive(Debug, Clone, Copy)]
enum Fate {
    ReadAll,
    DropAfter(usize),
    CancelAfter(usize),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::ReadAll),
        (0..200_usize).prop_map(Fate::DropAfter),
        (0..200_usize).prop_map(Fate::CancelAfter),
    ]
}

#[expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the body of a test, called with many inputs"
)]
fn run(senders: u64, each: u64, capacity: usize, fate: Fate) {
    let (tx, mut stream) = async_stream_channel_with_capacity(capacity);
    let threads: Vec<_> = (0..senders)
        .map(|s| {
            let tx = tx.clone();
            std::thread::spawn(move || {
                (0..each).take_while(|i| tx.send(Num::Value(s * each + i)).is_ok()).count() as u64
            })
        })
        .collect();
    drop(tx);
    let limit = match fate {
        Fate::ReadAll => usize::MAX,
        Fate::DropAfter(n) | Fate::CancelAfter(n) => n,
    };
    let mut got: Vec<u64> = Vec::new();
    let mut read = |stream: &mut AsyncStream<Num>, limit: usize| {
        for chunk in stream.by_ref() {
            match chunk {
                Num::Value(n) => got.push(n),
                Num::Bad(why) => panic!("{why}"),
            }
            if got.len() >= limit {
                break;
            }
        }
    };
    if limit > 0 {
        read(&mut stream, limit);
    }
    if matches!(fate, Fate::CancelAfter(_)) {
        stream.cancel();
        read(&mut stream, usize::MAX);
    }
    drop(stream);
    eventually("all senders return", || threads.iter().all(std::thread::JoinHandle::is_finished));
    let sent: Vec<u64> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    for s in 0..senders {
        let own: Vec<u64> = got.iter().copied().filter(|n| n / each == s).collect();
        let expected: Vec<u64> = (0..own.len() as u64).map(|i| s * each + i).collect();
        assert_eq!(own, expected, "a sender's items come in order, without gaps");
        assert!(own.len() as u64 <= sent[usize::try_from(s).unwrap()]);
    }
    if matches!(fate, Fate::ReadAll) {
        assert_eq!(got.len() as u64, senders * each);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn senders_and_drops_in_any_interleaving(
        senders in 1..6_u64,
        each in 1..300_u64,
        capacity in 1..9_usize,
        fate in fate(),
    ) {
        run(senders, each, capacity, fate);
    }
}

#[test]
fn a_token_cancelled_from_elsewhere_at_any_moment_hangs_nobody() {
    for round in 0..100_u64 {
        let (tx, stream) = async_stream_channel_with_capacity(2);
        let token = stream.cancel_token();
        let sender = std::thread::spawn(move || {
            let mut n = 0;
            while tx.send(Num::Value(n)).is_ok() {
                n += 1;
            }
        });
        let canceller = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(round * 7));
            token.cancel();
        });
        let got = stream.collect();
        for (i, chunk) in got.iter().enumerate() {
            assert_eq!(*chunk, Num::Value(i as u64));
        }
        sender.join().unwrap();
        canceller.join().unwrap();
    }
}
