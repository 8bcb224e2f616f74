//! Sources and tables are ASCII: what looks alike must be alike.

use crate::Complaint;

/// The first character of each line that is not ASCII.
pub(super) fn check(path: &str, text: &str) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(c) = line.chars().find(|c| !c.is_ascii()) {
            let message = format!("U+{:04X} is not ASCII; write \\u{{{:x}}}", c as u32, c as u32);
            found.push(Complaint::new(path, index + 1, "ascii", message));
        }
    }
    found
}
