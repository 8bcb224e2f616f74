//! What `cargo metadata` says, as far as the gates ask.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Failure;
use crate::shell::Cargo;

const ORIGIN: &str = "cargo metadata";

/// The workspace and everything it may compile, on every platform and with every feature.
#[derive(Debug, Clone)]
pub struct Metadata {
    /// All packages, ours and others'.
    pub packages: Vec<Package>,
    /// Where cargo builds.
    pub target_directory: PathBuf,
}

/// One package.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence expression.
    pub licence: Option<String>,
    /// The native library that it says it links.
    pub links: Option<String>,
    /// Whether it is a member of this workspace.
    pub member: bool,
    /// Its features, each with what it enables.
    pub features: Vec<(String, Vec<String>)>,
    /// What its manifest names.
    pub dependencies: Vec<Dependency>,
    /// The names of what its build script really builds with.
    pub build_dependencies: Vec<String>,
}

/// A line of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The package named.
    pub name: String,
    /// What it is for.
    pub kind: DependencyKind,
}

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DependencyKind {
    /// The package itself.
    Normal,
    /// Its tests, examples and benches.
    Development,
    /// Its build script.
    Build,
}

impl Metadata {
    /// Asks cargo.
    pub fn load(root: &Path) -> Result<Self, Failure> {
        let cargo = Cargo::new(["metadata", "--format-version", "1", "--all-features"]);
        Self::parse(&cargo.output(root)?)
    }

    /// Reads cargo's JSON.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let json: Value = serde_json::from_str(text)
            .map_err(|error| Failure::data(ORIGIN, 0, error.to_string()))?;
        let members: Vec<&str> =
            array(&json, "workspace_members").iter().filter_map(Value::as_str).collect();
        let mut packages = Vec::new();
        for package in array(&json, "packages") {
            let id = required(package, "id")?;
            packages.push(Package {
                name: required(package, "name")?.to_owned(),
                version: required(package, "version")?.to_owned(),
                licence: optional(package, "license"),
                links: optional(package, "links"),
                member: members.contains(&id),
                features: features(package),
                dependencies: dependencies(package)?,
                build_dependencies: built_with(&json, id),
            });
        }
        if packages.is_empty() {
            return Err(Failure::data(ORIGIN, 0, "it names no package"));
        }
        let target_directory = PathBuf::from(required(&json, "target_directory")?);
        Ok(Self { packages, target_directory })
    }

    /// The packages of this workspace.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.member)
    }
}

fn array<'a>(json: &'a Value, key: &str) -> &'a [Value] {
    json.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn optional(json: &Value, key: &str) -> Option<String> {
    json.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn required<'a>(json: &'a Value, key: &str) -> Result<&'a str, Failure> {
    json.get(key)
        .and_then(Value::as_str)
        .ok_or_else(|| Failure::data(ORIGIN, 0, format!("`{key}` is missing")))
}

fn features(package: &Value) -> Vec<(String, Vec<String>)> {
    let Some(map) = package.get("features").and_then(Value::as_object) else {
        return Vec::new();
    };
    map.iter()
        .map(|(name, enabled)| {
            let enabled = enabled.as_array().map_or(&[][..], Vec::as_slice);
            (name.clone(), enabled.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        })
        .collect()
}

fn dependencies(package: &Value) -> Result<Vec<Dependency>, Failure> {
    let mut found = Vec::new();
    for dependency in array(package, "dependencies") {
        let kind = match dependency.get("kind").and_then(Value::as_str) {
            Some("dev") => DependencyKind::Development,
            Some("build") => DependencyKind::Build,
            _ => DependencyKind::Normal,
        };
        found.push(Dependency { name: required(dependency, "name")?.to_owned(), kind });
    }
    Ok(found)
}

/// What the resolver gave to the build script of the package with this id. A dependency that only
/// stands in the manifest, behind a feature that nobody turns on, is not here.
fn built_with(json: &Value, id: &str) -> Vec<String> {
    let nodes = json.get("resolve").map_or(&[][..], |resolve| array(resolve, "nodes"));
    let Some(node) = nodes.iter().find(|node| optional(node, "id").as_deref() == Some(id)) else {
        return Vec::new();
    };
    let is_build = |kind: &Value| optional(kind, "kind").as_deref() == Some("build");
    array(node, "deps")
        .iter()
        .filter(|dependency| array(dependency, "dep_kinds").iter().any(is_build))
        .filter_map(|dependency| optional(dependency, "name"))
        .collect()
}
