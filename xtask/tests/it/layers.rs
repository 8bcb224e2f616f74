//! The table of crates against manifests that agree with it, and against some that do not.

use std::path::PathBuf;

use xtask::layers::{Layers, check};
use xtask::{Dependency, DependencyKind, Metadata, Package};

const TABLE: &str = r#"
[everyday]
names = ["serde"]
[[crate]]
name = "low"
layer = 0
may_depend = []
may_name = ["candle-core"]
[[crate]]
name = "high"
layer = 1
may_depend = ["low"]
may_name = []
[[house]]
name = "tests"
layer = 2
may_depend = ["high"]
"#;

fn package(name: &str, dependencies: &[(&str, DependencyKind)]) -> Package {
    Package {
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        licence: None,
        links: None,
        member: true,
        features: Vec::new(),
        dependencies: dependencies
            .iter()
            .map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: *kind })
            .collect(),
        build_dependencies: Vec::new(),
    }
}

/// The workspace that agrees with the table, changed by `change`, and what is said about it.
fn complaints(table: &str, change: impl FnOnce(&mut Vec<Package>)) -> Vec<String> {
    use DependencyKind::{Development, Normal};
    let mut packages = vec![
        package("low", &[("candle-core", Normal), ("serde", Normal), ("proptest", Development)]),
        package("high", &[("low", Normal)]),
        package("tests", &[("high", Normal), ("tokio", Normal)]),
    ];
    change(&mut packages);
    let metadata = Metadata { packages, target_directory: PathBuf::new() };
    let layers = Layers::parse(table).expect("the table is well formed");
    check(&layers, &metadata).iter().map(ToString::to_string).collect()
}

fn depends(packages: &mut [Package], from: usize, to: &str, kind: DependencyKind) {
    packages[from].dependencies.push(Dependency { name: to.to_owned(), kind });
}

#[test]
fn a_workspace_as_in_the_table_passes() {
    assert_eq!(complaints(TABLE, |_| {}), [""; 0]);
}

#[test]
fn a_crate_without_a_row_and_a_row_without_a_crate_are_caught() {
    let found = complaints(TABLE, |packages| packages.push(package("new", &[])));
    assert_eq!(found, [".config/layers.toml: layers: new has no row; give it a layer"]);
    let found = complaints(TABLE, |packages| drop(packages.remove(2)));
    assert_eq!(
        found,
        [".config/layers.toml:14: layers: tests is no member of the workspace; remove the row"]
    );
}

#[test]
fn an_arrow_upwards_is_caught_in_manifest_and_table() {
    let found = complaints(TABLE, |packages| depends(packages, 0, "high", DependencyKind::Normal));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("low (Cargo.toml): layers: may not depend on high"));
    let found = complaints(&TABLE.replace("layer = 0", "layer = 1"), |_| {});
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("high (layer 1) may not depend on low (layer 1): arrows point down"));
}

#[test]
fn a_test_may_look_down_but_not_up() {
    use DependencyKind::Development;
    let down = |packages: &mut Vec<Package>| {
        packages[1].dependencies.clear();
        depends(packages, 1, "low", Development);
    };
    assert_eq!(complaints(TABLE, down), [""; 0]);
    let up = |packages: &mut Vec<Package>| depends(packages, 0, "high", Development);
    assert_eq!(complaints(TABLE, up).len(), 1);
}

#[test]
fn the_point_of_one_crate_is_closed_to_others() {
    let found =
        complaints(TABLE, |packages| depends(packages, 1, "candle-core", DependencyKind::Normal));
    assert_eq!(
        found,
        ["high (Cargo.toml): layers: may not depend on candle-core; it belongs to low"]
    );
    let found = complaints(TABLE, |packages| depends(packages, 1, "tokio", DependencyKind::Build));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("may not depend on tokio; if it is the crate's point"));
}

#[test]
fn a_permission_that_nobody_uses_is_caught() {
    let found = complaints(TABLE, |packages| {
        packages[0].dependencies.retain(|dependency| dependency.name != "candle-core");
    });
    assert_eq!(
        found,
        [".config/layers.toml:4: layers: low does not name candle-core; take the permission away"]
    );
}
