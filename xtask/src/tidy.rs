//! What no compiler checks: reads every file once and hands it to each check.

mod ascii;
mod attributes;
mod banned;
mod docs;
mod exemptions;
mod futures;
mod locks;
mod manifests;
mod names;
mod phrases;
mod size;
mod tests_in_src;

pub use exemptions::{Exemption, Rules};

use crate::{Complaint, Failure, Source, Tree, terminal};

/// The data of this step.
pub const DATA: &str = ".config/tidy.toml";

/// Checks the tree against the rules that lie in it.
pub fn run(tree: &Tree) -> Result<Vec<Complaint>, Failure> {
    let text = tree.tables.iter().find(|(path, _)| path == DATA).map(|(_, text)| text.as_str());
    let rules = Rules::parse(text.unwrap_or_default())?;
    for (path, lines) in size::swelling(tree) {
        terminal::say(&format!("{path}: warning: {lines} lines; split it by nouns before 400"));
    }
    Ok(check_tree(&rules, tree))
}

/// Every complaint about a tree that the rules do not exempt, in the order of the paths.
pub fn check_tree(rules: &Rules, tree: &Tree) -> Vec<Complaint> {
    let mut found = names::root(&rules.root, &tree.root);
    found.extend(manifests::check(tree));
    for source in &tree.sources {
        found.extend(check_source(rules, source));
    }
    for (path, text) in &tree.tables {
        found.extend(ascii::check(path, text));
    }
    let mut left = rules.exempt(found, tree);
    left.sort();
    left
}

/// Every complaint about one Rust file, exempt or not.
pub fn check_source(rules: &Rules, source: &Source) -> Vec<Complaint> {
    let checks = [
        banned::check,
        futures::check,
        locks::check,
        tests_in_src::check,
        size::check,
        docs::check,
        attributes::check,
        names::check,
    ];
    let mut found: Vec<Complaint> = checks.iter().flat_map(|check| check(source)).collect();
    found.extend(phrases::check(&rules.phrases, source));
    found.extend(ascii::check(&source.path, &source.text));
    found
}
