//! Where test files lie.

use std::env;
use std::path::PathBuf;

/// A file or folder that travels with the repository.
pub(crate) fn committed(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(name)
}

/// A file or folder that lies outside the repository, in the folder that a variable names; says
/// loudly that it is absent.
pub(crate) fn outside(variable: &str, beside: &str, name: &str) -> Option<PathBuf> {
    let root = env::var_os(variable).map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..").join(beside),
        PathBuf::from,
    );
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {name} is absent; set {variable} to the folder that holds it");
    None
}
