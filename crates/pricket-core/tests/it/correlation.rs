//! Correlation ids.

use std::collections::HashSet;

use pricket_core::CorrelationId;

#[test]
fn ids_differ_and_survive_text() {
    let ids: HashSet<CorrelationId> = (0..10_000).map(|_| CorrelationId::new()).collect();
    assert_eq!(ids.len(), 10_000);
    let id = CorrelationId::new();
    assert_eq!(id.to_string().parse::<CorrelationId>(), Ok(id));
    crate::check_json(&id, &format!("\"{id}\""));
}

#[test]
fn ids_are_version_7_and_sort_by_time() {
    let first = CorrelationId::new().to_string();
    assert_eq!(first.as_bytes()[14], b'7', "{first}");
    std::thread::sleep(std::time::Duration::from_millis(3));
    assert!(first < CorrelationId::new().to_string());
}

#[test]
fn what_is_no_uuid_is_refused_with_its_text() {
    let error = "not-an-id".parse::<CorrelationId>().expect_err("no id");
    assert!(error.to_string().contains("not-an-id"), "{error}");
    assert!(serde_json::from_str::<CorrelationId>("\"not-an-id\"").is_err());
}
