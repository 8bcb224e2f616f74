//! Who may depend on whom: `.config/layers.toml` held against the manifests, both ways.
//!
//! A crate may depend on ours that the table names, all of which stand in lower layers, and on
//! others' crates that are everyday (`[everyday]`) or its own point (`may_name`). Tests, benches
//! and the gates are exempt from the limit on others' crates; so are development dependencies.

use std::fs;
use std::path::Path;

use crate::{Complaint, DependencyKind, Failure, Metadata, Package, Table, parse_toml};

/// The table.
pub const DATA: &str = ".config/layers.toml";

/// A crate's row.
#[derive(Debug, Clone)]
pub struct Row {
    name: String,
    line: usize,
    layer: i64,
    may_depend: Vec<String>,
    may_name: Vec<String>,
    exempt: bool,
}

/// The table of crates.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    rows: Vec<Row>,
    everyday: Vec<String>,
}

impl Layers {
    /// Reads the table.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let mut layers = Self::default();
        for table in parse_toml(DATA, text)? {
            match table.name.as_str() {
                "everyday" => layers.everyday = table.list("names")?.to_vec(),
                "crate" => layers.rows.push(row(&table, false)?),
                "house" => layers.rows.push(row(&table, true)?),
                "" if table.entries.is_empty() => {}
                name => {
                    let reason = format!("[{name}] is not known here");
                    return Err(Failure::data(DATA, table.line, reason));
                }
            }
        }
        Ok(layers)
    }

    fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }
}

fn row(table: &Table, exempt: bool) -> Result<Row, Failure> {
    let may_name = if exempt { Vec::new() } else { table.list("may_name")?.to_vec() };
    Ok(Row {
        name: table.text("name")?.to_owned(),
        line: table.line,
        layer: table.number("layer")?,
        may_depend: table.list("may_depend")?.to_vec(),
        may_name,
        exempt,
    })
}

/// Reads the table and checks the workspace.
pub fn run(root: &Path, metadata: &Metadata) -> Result<Vec<Complaint>, Failure> {
    let path = root.join(DATA);
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::File { path, reason: error.to_string() })?;
    Ok(check(&Layers::parse(&text)?, metadata))
}

/// Checks the workspace against the table and the table against the workspace.
pub fn check(layers: &Layers, metadata: &Metadata) -> Vec<Complaint> {
    let mut found = Vec::new();
    for row in &layers.rows {
        check_row(layers, row, metadata, &mut found);
    }
    for package in metadata.members() {
        if let Some(row) = layers.row(&package.name) {
            check_package(layers, row, package, &mut found);
        } else {
            let message = format!("{} has no row; give it a layer", package.name);
            found.push(Complaint::new(DATA, 0, "layers", message));
        }
    }
    found
}

/// The table itself: no row without a crate, no arrow upwards, no permission that nobody uses.
fn check_row(layers: &Layers, row: &Row, metadata: &Metadata, found: &mut Vec<Complaint>) {
    let mut complain = |message: String| {
        found.push(Complaint::new(DATA, row.line, "layers", message));
    };
    let Some(package) = metadata.members().find(|package| package.name == row.name) else {
        complain(format!("{} is no member of the workspace; remove the row", row.name));
        return;
    };
    for below in &row.may_depend {
        match layers.row(below) {
            Some(other) if other.layer < row.layer => {}
            Some(other) => complain(format!(
                "{} (layer {}) may not depend on {below} (layer {}): arrows point down",
                row.name, row.layer, other.layer
            )),
            None => complain(format!("{} may depend on {below}, which has no row", row.name)),
        }
    }
    for outside in &row.may_name {
        if !package.dependencies.iter().any(|dependency| dependency.name == *outside) {
            complain(format!("{} does not name {outside}; take the permission away", row.name));
        }
    }
}

fn check_package(layers: &Layers, row: &Row, package: &Package, found: &mut Vec<Complaint>) {
    let path = format!("{} (Cargo.toml)", package.name);
    for dependency in &package.dependencies {
        let name = &dependency.name;
        let development = dependency.kind == DependencyKind::Development;
        let allowed = match layers.row(name) {
            // A test may use what stands below its crate, whether or not the crate itself does.
            Some(other) => {
                row.may_depend.contains(name) || (development && other.layer < row.layer)
            }
            None if row.exempt || development => true,
            None => layers.everyday.contains(name) || row.may_name.contains(name),
        };
        if !allowed {
            let owner = layers.rows.iter().find(|row| row.may_name.contains(name));
            let remedy = match owner {
                Some(owner) => format!("it belongs to {}", owner.name),
                None => format!("if it is the crate's point, add it to its row in {DATA}"),
            };
            let message = format!("may not depend on {name}; {remedy}");
            found.push(Complaint::new(path.clone(), 0, "layers", message));
        }
    }
}
