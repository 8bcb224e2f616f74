//! Every file says first what it is.

use crate::{Complaint, Source};

/// A file whose first line is no `//!`.
pub(super) fn check(source: &Source) -> Vec<Complaint> {
    let first = source.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let said = first.strip_prefix("//!").is_some_and(|text| !text.trim().is_empty());
    if said {
        return Vec::new();
    }
    let message = "the first line must be `//!` and say in a sentence what this module is";
    vec![Complaint::new(&source.path, 1, "docs", message)]
}
