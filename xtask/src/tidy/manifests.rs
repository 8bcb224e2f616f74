//! Every crate is under the workspace's lints, and says itself which test binaries it has.

use crate::{Complaint, Tree};

/// Manifests of members that are not under `[lints] workspace = true`, and those with tests and
/// without `autotests = false`.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (path, text) in tree.tables.iter().filter(|(path, _)| is_member(path)) {
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if !lines.windows(2).any(|pair| pair == ["[lints]", "workspace = true"]) {
            let message = "without `[lints]` `workspace = true` no law of the root manifest holds";
            found.push(Complaint::new(path.as_str(), 0, "manifest", message));
        }
        let folder = path.strip_suffix("Cargo.toml").unwrap_or(path);
        let tests = format!("{folder}tests/");
        let tested = tree.sources.iter().any(|source| source.path.starts_with(&tests));
        if tested && !lines.contains(&"autotests = false") {
            let message =
                "`autotests = false` and one `[[test]]` named it: a binary per file is slow";
            found.push(Complaint::new(path.as_str(), 0, "manifest", message));
        }
    }
    found
}

/// The root's own manifest has the lints; one deeper down belongs to a workspace of its own.
fn is_member(path: &str) -> bool {
    match path.split('/').collect::<Vec<_>>()[..] {
        ["crates", _, "Cargo.toml"] => true,
        [folder, "Cargo.toml"] => folder != ".cargo",
        _ => false,
    }
}
