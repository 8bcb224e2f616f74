//! The one error shape.

use std::fmt;

use pricket_core::{CorrelationId, ErrorKind, ErrorReport};

#[derive(Debug)]
struct Outer(Inner);

#[derive(Debug)]
struct Inner;

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot load the model")
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the disk is gone")
    }
}

impl std::error::Error for Inner {}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_report_keeps_the_chain_of_causes() {
    let report = ErrorReport::of(ErrorKind::Io, "load_failed", &Outer(Inner));
    assert_eq!(report.to_string(), "cannot load the model");
    assert_eq!(report.causes, ["the disk is gone"]);
    assert!(!report.retryable);
}

#[test]
fn what_may_succeed_later_says_so() {
    let retryable: Vec<ErrorKind> = [
        ErrorKind::InvalidRequest,
        ErrorKind::NotFound,
        ErrorKind::Unsupported,
        ErrorKind::Malformed,
        ErrorKind::TooLarge,
        ErrorKind::Busy,
        ErrorKind::Timeout,
        ErrorKind::Cancelled,
        ErrorKind::Network,
        ErrorKind::Io,
        ErrorKind::Internal,
    ]
    .into_iter()
    .filter(|kind| kind.is_retryable())
    .collect();
    assert_eq!(retryable, [ErrorKind::Busy, ErrorKind::Timeout, ErrorKind::Network]);
    assert!(ErrorReport::new(ErrorKind::Busy, "busy", "later").retryable);
}

#[test]
fn json_leaves_out_what_is_not_there() {
    let report = ErrorReport::new(ErrorKind::TooLarge, "context_exceeded", "too long");
    crate::check_json(
        &report,
        r#"{"kind":"too_large","code":"context_exceeded","message":"too long","retryable":false}"#,
    );
    let id = CorrelationId::new();
    let text = serde_json::to_string(&report.correlated(id)).expect("JSON");
    assert!(text.contains(&id.to_string()), "{text}");
}
