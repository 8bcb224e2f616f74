//! The words keep their public contract.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod address;
mod byte_size;
mod call_id;
mod capability;
mod chunk;
mod correlation;
mod error;
mod info;
mod ledger;
mod message;
mod one_or_many;
mod price;
mod progress;
mod registry;
mod request;
mod sampling;
mod suggestion;
mod usage;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a value as JSON, holds the text against `json`, reads it back and holds the value against
/// the first.
fn check_json<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    value: &T,
    json: &str,
) {
    let written = serde_json::to_string(value).expect("plain data is JSON");
    assert_eq!(written, json);
    let read: T = serde_json::from_str(&written).expect("it reads what it wrote");
    assert_eq!(&read, value);
}
