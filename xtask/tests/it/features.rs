//! Which sets of features are built.

use xtask::features::combinations;
use xtask::{Metadata, Package};

fn package(features: &str) -> Package {
    let text = format!(
        r#"{{"target_directory": "t", "workspace_members": ["x"], "packages": [
            {{"id": "x", "name": "x", "version": "1.0.0", "features": {features}}}]}}"#
    );
    Metadata::parse(&text).expect("the metadata is well formed").packages.remove(0)
}

fn sets(features: &str, skipped: &[&str]) -> Vec<String> {
    let skipped: Vec<String> = skipped.iter().map(|name| (*name).to_owned()).collect();
    combinations(&package(features), &skipped).iter().map(|set| set.join("+")).collect()
}

#[test]
fn none_each_and_all() {
    assert_eq!(sets(r#"{"a": [], "b": [], "default": ["a"]}"#, &[]), ["", "b", "a+b"]);
    assert_eq!(sets(r#"{"a": [], "b": [], "c": []}"#, &[]), ["a", "b", "c", "a+b+c"]);
}

#[test]
fn nothing_is_built_twice() {
    assert_eq!(sets("{}", &[]), [""; 0]);
    assert_eq!(sets(r#"{"a": []}"#, &[]), ["a"]);
    assert_eq!(sets(r#"{"a": [], "default": ["a"]}"#, &[]), [""]);
}

#[test]
fn what_this_machine_cannot_build_is_left_out() {
    assert_eq!(sets(r#"{"a": [], "cuda": []}"#, &["x/cuda"]), ["a"]);
    assert_eq!(sets(r#"{"a": [], "cuda": []}"#, &["y/cuda"]), ["a", "cuda", "a+cuda"]);
}
