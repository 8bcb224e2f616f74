//! Licence expressions, and packages that break the terms.

use xtask::Metadata;
use xtask::licences::{Expression, Terms, check};

const TERMS: &str = r#"
[allowed]
licences = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
[[exception]]
crate = "ext"
licence = "MPL-2.0"
reason = "unchanged"
[[native]]
crate = "ring"
reason = "TLS"
[denied]
crates = ["openssl-sys"]
"#;

fn holds(text: &str) -> bool {
    let known = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"];
    Expression::parse(text).expect(text).holds(&|name| known.contains(&name))
}

#[test]
fn expressions_mean_what_spdx_says() {
    for text in [
        "MIT",
        "MIT OR GPL-3.0",
        "GPL-3.0/MIT",
        "Apache-2.0 / MIT",
        "Apache-2.0 AND ISC",
        "(MIT OR GPL-3.0) AND ISC",
        "GPL-3.0 AND GPL-2.0 OR MIT",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(holds(text), "{text} should hold");
    }
    for text in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND GPL-3.0",
        "MIT AND (GPL-3.0 OR GPL-2.0)",
        "MIT WITH GPL-exception",
    ] {
        assert!(!holds(text), "{text} should not hold");
    }
}

#[test]
fn what_is_no_expression_is_an_error() {
    let deep = "(".repeat(100_000);
    for text in ["", "MIT OR", "(MIT", "MIT)", "AND", "MIT ISC", "MIT WITH", &deep] {
        assert!(Expression::parse(text).is_err(), "{text:.20} should be refused");
    }
}

/// Metadata as cargo writes it, with one more package than the terms need.
fn metadata(package: &str, build: &str) -> Metadata {
    let text = format!(
        r#"{{"target_directory": "t", "workspace_members": [], "packages": [
            {{"id": "e", "name": "ext", "version": "1.0.0", "license": "MPL-2.0"}},
            {{"id": "r", "name": "ring", "version": "1.0.0", "license": "MIT", "links": "ring"}},
            {package}],
          "resolve": {{"nodes": [
            {{"id": "r", "deps": [{{"name": "cc", "dep_kinds": [{{"kind": "build"}}]}}]}},
            {{"id": "x", "deps": [{build}]}}]}}}}"#
    );
    Metadata::parse(&text).expect("the metadata is well formed")
}

fn complaints(package: &str, build: &str) -> Vec<String> {
    let terms = Terms::parse(TERMS).expect("the terms are well formed");
    check(&terms, &metadata(package, build)).iter().map(ToString::to_string).collect()
}

#[test]
fn good_packages_pass() {
    let good = r#"{"id": "x", "name": "x", "version": "1.0.0", "license": "MIT/Apache-2.0"}"#;
    let cc_at_run_time = r#"{"name": "cc", "dep_kinds": [{"kind": null}]}"#;
    assert_eq!(complaints(good, cc_at_run_time), [""; 0]);
}

#[test]
fn bad_packages_are_caught() {
    let compiler = r#"{"name": "cc", "dep_kinds": [{"kind": "build"}]}"#;
    for (package, build, complaint) in [
        (r#""x", "license": "GPL-3.0""#, "", "licences: `GPL-3.0` is not among the terms"),
        (r#""x", "license": null"#, "", "licences: names no licence"),
        (r#""x", "license": "MPL-2.0""#, "", "licences: `MPL-2.0` is not among the terms"),
        (r#""x", "license": "MIT OR""#, "", "licences: `MIT OR` is no licence expression"),
        (r#""openssl-sys", "license": "MIT""#, "", "denied: denied"),
        (r#""x", "license": "MIT""#, compiler, "native: brings native code (builds with cc)"),
        (r#""x", "license": "MIT", "links": "z""#, "", "native: brings native code (links z)"),
    ] {
        let package = format!(r#"{{"id": "x", "version": "1.0.0", "name": {package}}}"#);
        let found = complaints(&package, build);
        assert_eq!(found.len(), 1, "{package} gave {found:?}");
        assert!(found[0].contains(complaint), "{package} gave {found:?}");
    }
}

#[test]
fn an_exception_that_excepts_nothing_is_caught() {
    let json = r#"{"target_directory": "t", "packages": [
        {"id": "r", "name": "ring", "version": "1.0.0", "license": "MIT", "links": "ring"}]}"#;
    let metadata = Metadata::parse(json).expect("the metadata is well formed");
    let terms = Terms::parse(TERMS).expect("the terms are well formed");
    let found: Vec<String> = check(&terms, &metadata).iter().map(ToString::to_string).collect();
    assert_eq!(found, [".config/licences.toml:4: stale: ext is not used; remove the entry"]);
}

#[test]
fn metadata_that_is_none_is_refused() {
    for text in ["", "[]", "{}", r#"{"packages": [{"name": 1}]}"#] {
        assert!(Metadata::parse(text).is_err(), "{text}");
    }
}
