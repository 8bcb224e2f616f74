//! A parked reader sees the first item at once.

use std::time::{Duration, Instant};

use pricket_stream::{AsyncStream, MessageChunk};

/// The moment at which it was sent.
#[derive(Debug)]
struct Sent(Instant);

impl MessageChunk for Sent {
    fn bad_chunk(_: String) -> Self {
        Self(Instant::now())
    }
    fn error(&self) -> Option<&str> {
        None
    }
}

#[test]
fn a_parked_reader_sees_each_single_item_within_milliseconds() {
    let (tx, stream) = AsyncStream::builder().capacity(1024).channel();
    let sender = std::thread::spawn(move || {
        for _ in 0..40 {
            // Long enough for the reader to have parked.
            std::thread::sleep(Duration::from_millis(15));
            tx.send(Sent(Instant::now())).unwrap();
        }
        // Held open: nothing but the item itself wakes the reader.
        std::thread::sleep(Duration::from_secs(1));
        drop(tx);
    });
    let mut delays = Vec::new();
    stream.take(40).for_each(|sent| delays.push(sent.0.elapsed()));
    sender.join().unwrap();
    delays.sort_unstable();
    assert_eq!(delays.len(), 40);
    // Median, for the machine may be busy elsewhere for a while; a batching queue would show 15 ms
    // and more on every item but a batch's last.
    assert!(delays[20] < Duration::from_millis(8), "median {:?}", delays[20]);
    assert!(delays[39] < Duration::from_millis(950), "worst {:?}", delays[39]);
}
