//! Every way to fail ends in one sentence with a kind and a code.

use std::fs;
use std::time::{Duration, Instant};

use pricket_core::ErrorKind;
use pricket_hub::{Hub, Registry, Source};

use crate::kit::{body, closed_port, hub_at, refused, temp};
use crate::server::{Manners, Site, sha256};

const NAME: &str = "hf:org/model/weights.gguf";

/// What a pull from a site with such manners fails with: code, kind, message; the site's log.
fn failure(manners: Manners) -> (String, ErrorKind, String, Vec<String>) {
    let dir = temp();
    let site = Site::start(manners);
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let error = refused(&hub, NAME);
    assert_eq!(hub.locate(NAME).unwrap(), None, "a failed pull must leave nothing to find");
    (error.code, error.kind, error.message, site.log())
}

fn weights() -> Manners {
    Site::of(&[("weights.gguf", &body(50_000))])
}

#[test]
fn statuses_have_their_own_sentences() {
    for (status, code, kind, says) in [
        (401, "access_denied", ErrorKind::InvalidRequest, "HF_TOKEN"),
        (403, "access_denied", ErrorKind::InvalidRequest, "accept its terms"),
        (404, "remote_missing", ErrorKind::NotFound, "has no `org/model/weights.gguf`"),
        (429, "remote_status", ErrorKind::Busy, "HTTP 429"),
        (500, "remote_status", ErrorKind::Network, "HTTP 500"),
    ] {
        let (got, got_kind, message, _) = failure(Manners { status: Some(status), ..weights() });
        assert_eq!((got.as_str(), got_kind), (code, kind), "{status}: {message}");
        assert!(message.contains(says), "{status}: {message}");
    }
}

#[test]
fn storage_that_refuses_is_no_storage_that_breaks() {
    let (code, _, _, log) = failure(Manners { storage_status: Some(403), ..weights() });
    let asked = |log: &[String]| log.iter().filter(|line| line.contains("/storage/")).count();
    assert_eq!((code.as_str(), asked(&log)), ("access_denied", 1));
    let (code, kind, message, log) = failure(Manners { storage_status: Some(503), ..weights() });
    assert_eq!((code.as_str(), kind), ("download_interrupted", ErrorKind::Network), "{message}");
    assert_eq!(asked(&log), 4, "{log:?}");
}

#[test]
fn a_refused_connection_is_told_at_once() {
    let dir = temp();
    let hub = Hub::builder()
        .cache_dir(dir.path())
        .endpoint(closed_port())
        .sources([Source::Hub])
        .registry(Registry::empty())
        .build()
        .unwrap();
    let start = Instant::now();
    let error = refused(&hub, NAME);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Network, "hub_unreachable"));
    assert!(error.retryable && error.message.contains("refused"), "{}", error.message);
}

#[test]
fn a_wrong_hash_leaves_nothing_behind() {
    let dir = temp();
    let manners = Manners { etag: Some(sha256(b"something else")), ..weights() };
    let site = Site::start(manners);
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let error = refused(&hub, NAME);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Malformed, "hash_mismatch"));
    assert!(error.message.contains(&sha256(&body(50_000))), "{}", error.message);
    let blobs = fs::read_dir(dir.path().join("hub/models--org--model/blobs")).unwrap();
    assert_eq!(blobs.count(), 0);
}

#[test]
fn a_wrong_length_is_no_file() {
    // Longer or shorter than promised: asking again would not change it.
    for bytes in [40_000, 60_000] {
        let (code, kind, _, log) = failure(Manners { bytes: Some(bytes), ..weights() });
        assert_eq!((code.as_str(), kind), ("size_mismatch", ErrorKind::Malformed));
        assert_eq!(log.iter().filter(|line| line.contains("/storage/")).count(), 1, "{log:?}");
    }
}

#[test]
fn bytes_that_come_again_and_again_are_no_progress() {
    // Cut, and without ranges: each attempt brings the same beginning.
    let manners = Manners { cut_after: Some(30_000), rangeless: true, ..weights() };
    let (code, kind, message, log) = failure(manners);
    assert_eq!((code.as_str(), kind), ("download_interrupted", ErrorKind::Network));
    assert!(message.contains("after 5 attempts"), "{message}");
    assert_eq!(log.iter().filter(|line| line.contains("/storage/")).count(), 5, "{log:?}");
}

#[test]
fn a_file_that_cannot_fit_is_refused_before_its_first_byte() {
    let (code, kind, message, log) = failure(Manners { bytes: Some(15 << 40), ..weights() });
    assert_eq!((code.as_str(), kind), ("disk_full", ErrorKind::TooLarge));
    assert!(message.contains("15.0 TiB needed") && message.contains("free"), "{message}");
    assert!(log.iter().all(|line| !line.contains("/storage/")), "{log:?}");
}

/// `/dev/full` fails each write as a full disk does, with `ENOSPC`.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_midway_says_so() {
    let (dir, bytes) = (temp(), body(50_000));
    let site = Site::start(weights());
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let blobs = dir.path().join("hub/models--org--model/blobs");
    fs::create_dir_all(&blobs).unwrap();
    let partial = blobs.join(format!("{}.incomplete", sha256(&bytes)));
    std::os::unix::fs::symlink("/dev/full", partial).unwrap();
    let error = refused(&hub, NAME);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::TooLarge, "disk_full"));
    assert!(error.message.contains("no room"), "{}", error.message);
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let dir = temp();
    // A file where the folder should be: no permission bits, which root does not feel.
    fs::write(dir.path().join("hub"), b"").unwrap();
    let site = Site::start(weights());
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let error = refused(&hub, NAME);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Io, "io"));
    assert!(error.message.contains("create the folder"), "{}", error.message);
}

#[test]
fn offline_says_what_is_missing() {
    let dir = temp();
    let site = Site::start(weights());
    let hub = hub_at(dir.path(), &site).offline(true).build().unwrap();
    let error = refused(&hub, NAME);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::NotFound, "not_cached"));
    assert!(error.message.contains(NAME) && error.message.contains("offline"), "{}", error.message);
    assert!(site.log().is_empty());
}

#[test]
fn a_missing_path_is_no_download() {
    let dir = temp();
    let site = Site::start(weights());
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let error = refused(&hub, "./no/such/model.gguf");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::NotFound, "path_missing"));
    assert!(site.log().is_empty());
}
