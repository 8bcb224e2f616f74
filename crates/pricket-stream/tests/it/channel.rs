//! The channel between many threads.

use std::time::Duration;

use pricket_stream::{Channel, Oneshot, SendError, TryNext, TrySendError, oneshot};

#[test]
fn many_senders_and_receivers_share_every_item_once() {
    const EACH: u64 = 5_000;
    let channel = Channel::bounded(7);
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            let channel = channel.clone();
            std::thread::spawn(move || std::iter::from_fn(|| channel.recv()).collect::<Vec<u64>>())
        })
        .collect();
    let senders: Vec<_> = (0..4)
        .map(|s| {
            let channel = channel.clone();
            std::thread::spawn(move || {
                for i in 0..EACH {
                    channel.send(s * EACH + i).unwrap();
                }
            })
        })
        .collect();
    for sender in senders {
        sender.join().unwrap();
    }
    channel.close();
    let mut all: Vec<_> = receivers.into_iter().flat_map(|r| r.join().unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..4 * EACH).collect::<Vec<_>>());
}

#[test]
fn a_channel_is_bounded_and_closes() {
    let channel = Channel::bounded(1);
    assert_eq!(channel.try_recv(), TryNext::Empty);
    assert_eq!(channel.try_send(1), Ok(()));
    assert_eq!(channel.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!((channel.len(), channel.capacity(), channel.is_empty()), (1, 1, false));
    channel.close();
    assert!(channel.is_closed());
    assert_eq!(channel.send(3), Err(SendError(3)));
    assert_eq!(
        channel.recv_timeout(Duration::ZERO),
        TryNext::Item(1),
        "what is inside is not lost"
    );
    assert_eq!(channel.recv(), None);
    assert_eq!(channel.try_recv(), TryNext::Ended);
}

#[test]
fn closing_frees_those_who_wait_at_either_end() {
    let channel = Channel::<u8>::bounded(1);
    let reader = channel.clone();
    let reading = std::thread::spawn(move || reader.recv());
    std::thread::sleep(Duration::from_millis(10));
    channel.close();
    assert_eq!(reading.join().unwrap(), None);

    let channel = Channel::bounded(1);
    channel.send(1).unwrap();
    let writer = channel.clone();
    let writing = std::thread::spawn(move || writer.send(2));
    std::thread::sleep(Duration::from_millis(10));
    channel.close();
    assert_eq!(writing.join().unwrap(), Err(SendError(2)));
}

#[test]
fn recv_timeout_gives_up_and_leaves_the_line() {
    let channel = Channel::<u8>::bounded(1);
    assert_eq!(channel.recv_timeout(Duration::from_millis(10)), TryNext::Empty);
    // Had the first wait stayed in line, it would take the wake-up of this one.
    let reader = channel.clone();
    let reading = std::thread::spawn(move || reader.recv());
    std::thread::sleep(Duration::from_millis(10));
    channel.send(9).unwrap();
    assert_eq!(reading.join().unwrap(), Some(9));
}

#[test]
fn a_oneshot_gives_its_value_or_says_that_none_will_come() {
    let (tx, mut rx) = oneshot();
    assert_eq!(rx.try_recv(), Oneshot::Pending);
    assert_eq!(rx.recv_timeout(Duration::from_millis(5)), Oneshot::Pending);
    assert!(!rx.is_ready());
    assert_eq!(tx.send("a"), Ok(()));
    assert!(rx.is_ready());
    assert_eq!(rx.try_recv(), Oneshot::Value("a"));
    assert_eq!(rx.try_recv(), Oneshot::Cancelled);

    let (tx, rx) = oneshot::<u8>();
    let waiting = std::thread::spawn(move || rx.recv());
    std::thread::sleep(Duration::from_millis(10));
    drop(tx);
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the value will not come: its sender was dropped or cancelled");

    let (tx, rx) = oneshot();
    drop(rx);
    assert!(tx.is_closed());
    assert_eq!(tx.send(5), Err(5));
}
