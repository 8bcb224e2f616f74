//! Every crate builds with none, each and all of its features.
//!
//! The default set is not repeated here: the clippy and test steps build it. Clippy stands in for
//! `cargo check`: the dependencies' artifacts are the same, and it lints code behind features too.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::shell::Cargo;
use crate::{Failure, Metadata, Package, parse_toml, terminal};

const DATA: &str = ".config/features.toml";

/// Checks each crate of the workspace under each set of its features.
pub fn run(root: &Path, metadata: &Metadata) -> Result<(), Failure> {
    let skipped = listed(root, "unbuildable")?;
    for package in metadata.members() {
        for set in combinations(package, &skipped) {
            let mut words = vec!["clippy", "-p", &package.name, "--no-default-features"];
            let list = set.join(",");
            if !list.is_empty() {
                words.extend(["--features", list.as_str()]);
            }
            words.extend(["--", "-D", "warnings"]);
            Cargo::new(words).run(root)?;
        }
    }
    for name in skipped {
        terminal::say(&format!("SKIPPED: {name} ({DATA} says why)"));
    }
    Ok(())
}

/// The features beyond the default ones that the test step turns on, as `crate/feature`.
pub fn tested(root: &Path) -> Result<Vec<String>, Failure> {
    listed(root, "tested")
}

/// None, each and all of a crate's features, without those in `skipped` (as `crate/feature`),
/// without repetition and without the default set.
pub fn combinations(package: &Package, skipped: &[String]) -> Vec<Vec<String>> {
    let names: Vec<&String> = package
        .features
        .iter()
        .map(|(name, _)| name)
        .filter(|name| *name != "default")
        .filter(|name| !skipped.contains(&format!("{}/{name}", package.name)))
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    let default: BTreeSet<String> = package
        .features
        .iter()
        .find(|(name, _)| name == "default")
        .map(|(_, enabled)| enabled.iter().cloned().collect())
        .unwrap_or_default();
    let mut sets = vec![Vec::new()];
    sets.extend(names.iter().map(|name| vec![(*name).clone()]));
    sets.push(names.iter().map(|name| (*name).clone()).collect());
    let mut seen = BTreeSet::from([default]);
    sets.retain(|set| seen.insert(set.iter().cloned().collect()));
    sets
}

fn listed(root: &Path, table: &str) -> Result<Vec<String>, Failure> {
    let path = root.join(DATA);
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::File { path, reason: error.to_string() })?;
    let tables = parse_toml(DATA, &text)?;
    match tables.iter().find(|found| found.name == table) {
        Some(found) => Ok(found.list("features")?.to_vec()),
        None => Ok(Vec::new()),
    }
}
