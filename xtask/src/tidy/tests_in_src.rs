//! Tests speak to the public API from `tests/it`.

use crate::{Complaint, Place, Source};

/// Test attributes and `cfg(test)` in product code.
pub(super) fn check(source: &Source) -> Vec<Complaint> {
    if source.place() != Place::Product {
        return Vec::new();
    }
    let mut found = Vec::new();
    for at in source.words("test") {
        if in_attribute(source, at) {
            let message = "a test in src; move it to the crate's tests/it";
            found.push(Complaint::new(&source.path, source.line_of(at), "tests", message));
        }
    }
    found
}

/// `#[test]`, `#[cfg(test)]`, `#[cfg(any(test, ..))]`, `cfg!(test)`; `doctest` is another word.
fn in_attribute(source: &Source, at: usize) -> bool {
    let head = source.code.get(..at).unwrap_or_default();
    let statement = head.rfind([';', '{', '}', ']']).map_or(0, |end| end + 1);
    let statement = head.get(statement..).unwrap_or_default();
    statement.trim_end().ends_with("#[") || statement.contains("cfg")
}
