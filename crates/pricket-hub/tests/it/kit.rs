//! What the suites share: a hub on a temporary cache, bodies, and the rules for event streams.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pricket_core::{ErrorReport, ProgressEvent, ProgressStage};
use pricket_hub::{Hub, HubBuilder, Registry, Source};
use tempfile::TempDir;

use crate::server::Site;

/// Bytes that no two offsets of a test confuse (a linear congruential sequence).
pub(crate) fn body(len: usize) -> Vec<u8> {
    let mut state = 12345u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

pub(crate) fn temp() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A hub that asks `site` and nobody else.
pub(crate) fn hub_at(dir: &Path, site: &Site) -> HubBuilder {
    Hub::builder()
        .cache_dir(dir)
        .endpoint(&site.endpoint)
        .sources([Source::Hub])
        .registry(Registry::empty())
        .timeouts(Duration::from_secs(2), Duration::from_secs(5))
}

/// A port of this machine at which nobody listens.
pub(crate) fn closed_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Reads a pull to its end and checks the rules that hold for every one: it begins with
/// `Started`, `done` rises within a stage and stays within its total, a stage with a total reaches
/// it unless the pull fails, and the one terminal event is the last.
pub(crate) fn pull(hub: &Hub, name: &str) -> (Vec<ProgressEvent>, Result<PathBuf, ErrorReport>) {
    let events: Vec<ProgressEvent> = hub.pull(name).collect();
    let mut stage: Option<(ProgressStage, u64, Option<u64>)> = None;
    for (at, event) in events.iter().enumerate() {
        let last = at + 1 == events.len();
        match event {
            ProgressEvent::Started { stage: next, total, .. } => stage = Some((*next, 0, *total)),
            ProgressEvent::Advanced { stage: of, done, total } => {
                let (current, before, whole) = stage.expect("progress of a stage that began");
                assert_eq!((current, whole), (*of, *total), "progress of another stage");
                assert!(*done > before, "{done} after {before}");
                assert!(total.is_none_or(|total| *done <= total), "{done} of {total:?}");
                stage = Some((current, *done, whole));
            }
            ProgressEvent::Finished { .. } | ProgressEvent::Failed { .. } => {
                assert!(last, "a terminal event before the end: {events:?}");
            }
            other => panic!("unknown event {other:?}"),
        }
    }
    assert!(matches!(events.first(), Some(ProgressEvent::Started { .. })), "{events:?}");
    let outcome = match events.last().unwrap() {
        ProgressEvent::Finished { path } => {
            if let Some((_, done, Some(total))) = stage {
                assert_eq!(done, total, "the last stage stopped short");
            }
            Ok(path.clone().expect("a path"))
        }
        ProgressEvent::Failed { error } => Err((**error).clone()),
        other => panic!("no terminal event: {other:?}"),
    };
    (events, outcome)
}

pub(crate) fn pulled(hub: &Hub, name: &str) -> PathBuf {
    pull(hub, name).1.unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn refused(hub: &Hub, name: &str) -> ErrorReport {
    let error = pull(hub, name).1.expect_err("a refusal");
    // One clear sentence, whatever happened.
    assert!(!error.message.contains('\n') && error.message.len() < 600, "{}", error.message);
    error
}

/// Waits until something holds, or fails.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("never happened: {what}");
}

/// The texts of the `Started` events.
pub(crate) fn begun(events: &[ProgressEvent]) -> Vec<String> {
    let what = |event: &ProgressEvent| match event {
        ProgressEvent::Started { what, .. } => Some(what.clone()),
        _ => None,
    };
    events.iter().filter_map(what).collect()
}
