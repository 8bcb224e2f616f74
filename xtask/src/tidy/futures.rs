//! No future in the house: its API speaks `AsyncStream`.

use crate::{Complaint, Place, Source};

const WORDS: [&str; 10] = [
    "async",
    "await",
    "Future",
    "IntoFuture",
    "block_on",
    "spawn_blocking",
    "futures_core",
    "futures_util",
    "futures_lite",
    "tokio",
];

/// Words of the async world outside the bridge; the bridge's files are exempt by name.
pub(super) fn check(source: &Source) -> Vec<Complaint> {
    if source.place() != Place::Product {
        return Vec::new();
    }
    let mut found = Vec::new();
    for word in WORDS {
        for at in source.words(word) {
            let message = format!("`{word}` outside the bridge; return an `AsyncStream`");
            found.push(Complaint::new(&source.path, source.line_of(at), "futures", message));
        }
    }
    found
}
