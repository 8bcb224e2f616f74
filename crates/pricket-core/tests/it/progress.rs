//! Progress events.

use pricket_core::{ErrorKind, ErrorReport, ProgressEvent, ProgressStage};
use pricket_stream::MessageChunk;

use crate::check_json;

#[test]
fn events_are_flat_json() {
    check_json(
        &ProgressEvent::Advanced { stage: ProgressStage::Downloading, done: 5, total: Some(9) },
        r#"{"event":"advanced","stage":"downloading","done":5,"total":9}"#,
    );
    check_json(&ProgressEvent::Finished { path: None }, r#"{"event":"finished"}"#);
    check_json(
        &ProgressEvent::Started {
            stage: ProgressStage::Loading,
            what: "model.gguf".to_owned(),
            total: None,
        },
        r#"{"event":"started","stage":"loading","what":"model.gguf"}"#,
    );
}

#[test]
fn only_failed_is_an_error() {
    let report = ErrorReport::new(ErrorKind::Network, "refused", "connection refused");
    let failed = ProgressEvent::Failed { error: Box::new(report) };
    assert_eq!(failed.error(), Some("connection refused"));
    assert!(!ProgressEvent::Finished { path: None }.is_error());
    assert_eq!(ProgressEvent::bad_chunk("gone".to_owned()).error(), Some("gone"));
}
