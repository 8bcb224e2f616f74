//! Files have names that say what they hold, and the root holds what it should.

use crate::{Complaint, Source};

const EMPTY_NAMES: [&str; 8] =
    ["utils", "util", "helpers", "helper", "types", "common", "misc", "imp"];

/// `mod.rs`, and names that fit any content.
pub(super) fn check(source: &Source) -> Vec<Complaint> {
    let name = source.path.rsplit('/').next().unwrap_or_default();
    let message = if name == "mod.rs" {
        "write `foo.rs` beside the folder `foo/`, not `foo/mod.rs`".to_owned()
    } else if EMPTY_NAMES.contains(&name.strip_suffix(".rs").unwrap_or(name)) {
        format!("`{name}` fits any content; name the file by the noun that it holds")
    } else {
        return Vec::new();
    };
    vec![Complaint::new(&source.path, 0, "name", message)]
}

/// What lies at the root and is not listed. The list may name what is not there yet.
pub(super) fn root(listed: &[String], present: &[String]) -> Vec<Complaint> {
    present
        .iter()
        .filter(|name| !listed.contains(name))
        .map(|name| {
            let message = "not a file of the root; move it to where it belongs, or list it";
            Complaint::new(name.as_str(), 0, "root", message)
        })
        .collect()
}
