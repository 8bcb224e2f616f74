//! The public surface: every `pub` item of every library, recorded under `tests/surface/api`.
//!
//! A change of what others may call is then a line in a diff, not a discovery. `pub` means
//! reachable here because the lint `unreachable_pub` refuses it elsewhere.

mod items;
mod spelling;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::source::whole_words;
use crate::{Complaint, Failure, Source, Tree, terminal};

pub use items::public_items;

const RECORDS: &str = "tests/surface/api";

/// Words that a public signature may not contain.
const BANNED: [&str; 8] = [
    "Future",
    "IntoFuture",
    "async",
    "tokio",
    "futures_core",
    "candle_core",
    "candle_nn",
    "candle_transformers",
];

/// Compares the surface of each library with its record, or rewrites the records.
pub fn run(root: &Path, tree: &Tree, bless: bool) -> Result<Vec<Complaint>, Failure> {
    let surfaces = surfaces(tree);
    let mut found = Vec::new();
    for (name, lines) in &surfaces {
        found.extend(banned(name, lines));
        let path = root.join(RECORDS).join(format!("{name}.txt"));
        let new = lines.join("\n") + "\n";
        let old = fs::read_to_string(&path).unwrap_or_default();
        if bless {
            if old != new {
                write(&path, &new)?;
                terminal::say(&format!("wrote {RECORDS}/{name}.txt ({} lines)", lines.len()));
            }
        } else {
            found.extend(difference(name, &old, &new));
        }
    }
    found.extend(orphans(root, &surfaces, bless)?);
    Ok(found)
}

/// The surface of each library of the tree, by crate.
fn surfaces(tree: &Tree) -> BTreeMap<String, Vec<String>> {
    let mut surfaces: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let is_library = |name: &str| {
        let library = format!("crates/{name}/src/lib.rs");
        tree.sources.iter().any(|source| source.path == library)
    };
    for source in &tree.sources {
        let Some((name, module)) = module_of(source) else { continue };
        if is_library(name) {
            surfaces.entry(name.to_owned()).or_default().extend(public_items(&module, source));
        }
    }
    for lines in surfaces.values_mut() {
        lines.sort();
        lines.dedup();
    }
    surfaces
}

/// `crates/pricket-core/src/a/b.rs` is the module `a::b` of `pricket-core`.
fn module_of(source: &Source) -> Option<(&str, String)> {
    let (name, file) = source.path.strip_prefix("crates/")?.split_once("/src/")?;
    let module = file.strip_suffix(".rs")?.replace('/', "::");
    Some((name, if module == "lib" { "crate".to_owned() } else { module }))
}

/// Signatures with words of the async world or of the tensor library.
pub fn banned(name: &str, lines: &[String]) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        for word in BANNED {
            if whole_words(line, word).next().is_some() {
                let message = format!("`{word}` in a public signature: {line}");
                let path = format!("{RECORDS}/{name}.txt");
                found.push(Complaint::new(path, index + 1, "surface", message));
            }
        }
    }
    found
}

/// What was added to a recorded surface and what was taken away.
pub fn difference(name: &str, old: &str, new: &str) -> Vec<Complaint> {
    let path = format!("{RECORDS}/{name}.txt");
    let remedy = "if that is meant, run `cargo xtask surface --bless`";
    let mut found = Vec::new();
    for (index, line) in old.lines().enumerate() {
        if !new.lines().any(|other| other == line) {
            let message = format!("gone: {line}; {remedy}");
            found.push(Complaint::new(path.clone(), index + 1, "surface", message));
        }
    }
    for line in new.lines() {
        if !old.lines().any(|other| other == line) {
            let message = format!("new: {line}; {remedy}");
            found.push(Complaint::new(path.clone(), 0, "surface", message));
        }
    }
    found
}

/// Records of libraries that are no more.
fn orphans(
    root: &Path,
    surfaces: &BTreeMap<String, Vec<String>>,
    bless: bool,
) -> Result<Vec<Complaint>, Failure> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(root.join(RECORDS)) else { return Ok(found) };
    for entry in entries.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        if file.strip_suffix(".txt").is_none_or(|name| surfaces.contains_key(name)) {
            continue;
        }
        if bless {
            let reason = |error: std::io::Error| Failure::File {
                path: entry.path(),
                reason: error.to_string(),
            };
            fs::remove_file(entry.path()).map_err(reason)?;
        } else {
            let message = "there is no such library; run `cargo xtask surface --bless`";
            found.push(Complaint::new(format!("{RECORDS}/{file}"), 0, "surface", message));
        }
    }
    Ok(found)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let fault = |error: std::io::Error| Failure::File {
        path: path.to_path_buf(),
        reason: error.to_string(),
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fault)?;
    }
    fs::write(path, text).map_err(fault)
}
