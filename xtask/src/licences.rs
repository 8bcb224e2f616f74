//! Whose code we ship, and under which terms: licences, and no C but what is listed.

mod expression;

use std::fs;
use std::path::Path;

use crate::{Complaint, Failure, Metadata, Package, parse_toml};

pub use expression::Expression;

/// The table.
pub const DATA: &str = ".config/licences.toml";

/// Crates that compile C, C++ or assembly for whoever builds with them.
const COMPILERS: [&str; 6] = ["cc", "cmake", "bindgen", "nasm_rs", "pkg_config", "autotools"];

/// What the table allows.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    allowed: Vec<String>,
    exceptions: Vec<(String, String, usize)>,
    native: Vec<(String, usize)>,
    denied: Vec<String>,
}

impl Terms {
    /// Reads the table; each exception gives its reason.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let mut terms = Self::default();
        for table in parse_toml(DATA, text)? {
            match table.name.as_str() {
                "allowed" => terms.allowed = table.list("licences")?.to_vec(),
                "denied" => terms.denied = table.list("crates")?.to_vec(),
                "exception" => {
                    table.text("reason")?;
                    let licence = table.text("licence")?.to_owned();
                    terms.exceptions.push((table.text("crate")?.to_owned(), licence, table.line));
                }
                "native" => {
                    table.text("reason")?;
                    terms.native.push((table.text("crate")?.to_owned(), table.line));
                }
                "" if table.entries.is_empty() => {}
                name => {
                    let reason = format!("[{name}] is not known here");
                    return Err(Failure::data(DATA, table.line, reason));
                }
            }
        }
        Ok(terms)
    }

    fn allows(&self, package: &str, licence: &str) -> bool {
        let excepted =
            |(name, terms, _): &(String, String, usize)| name == package && terms == licence;
        self.allowed.iter().any(|allowed| allowed == licence)
            || self.exceptions.iter().any(excepted)
    }
}

/// Reads the table and checks everything that the workspace may compile.
pub fn run(root: &Path, metadata: &Metadata) -> Result<Vec<Complaint>, Failure> {
    let path = root.join(DATA);
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::File { path, reason: error.to_string() })?;
    Ok(check(&Terms::parse(&text)?, metadata))
}

/// Checks every package against the table and the table's exceptions against the packages.
pub fn check(terms: &Terms, metadata: &Metadata) -> Vec<Complaint> {
    let mut found = Vec::new();
    for package in &metadata.packages {
        let mut complain = |rule: &'static str, message: String| {
            let path = format!("{} {}", package.name, package.version);
            found.push(Complaint::new(path, 0, rule, message));
        };
        if let Some(message) = unlicensed(terms, package) {
            complain("licences", message);
        }
        if terms.denied.contains(&package.name) {
            complain("denied", "denied; find who asks for it by `cargo tree -i`".to_owned());
        }
        let listed = terms.native.iter().any(|(name, _)| *name == package.name);
        if let Some(sign) = native_sign(package).filter(|_| !listed) {
            let message = format!("brings native code ({sign}); use a crate in Rust");
            complain("native", message);
        }
    }
    found.extend(stale(terms, metadata));
    found
}

fn unlicensed(terms: &Terms, package: &Package) -> Option<String> {
    let Some(text) = &package.licence else {
        return Some("names no licence; do not use it".to_owned());
    };
    match Expression::parse(text) {
        Ok(expression) if expression.holds(&|name| terms.allows(&package.name, name)) => None,
        Ok(_) => Some(format!("`{text}` is not among the terms in {DATA}")),
        Err(reason) => Some(format!("`{text}` is no licence expression: {reason}")),
    }
}

fn native_sign(package: &Package) -> Option<String> {
    let compiler =
        package.build_dependencies.iter().find(|name| COMPILERS.contains(&name.as_str()));
    match (compiler, &package.links) {
        (Some(name), _) => Some(format!("builds with {name}")),
        (None, Some(library)) => Some(format!("links {library}")),
        (None, None) => None,
    }
}

/// Exceptions that except nothing.
fn stale(terms: &Terms, metadata: &Metadata) -> Vec<Complaint> {
    let excepted = terms.exceptions.iter().map(|(name, _, line)| (name, *line));
    let native = terms.native.iter().map(|(name, line)| (name, *line));
    excepted
        .chain(native)
        .filter(|(name, _)| !metadata.packages.iter().any(|package| package.name == **name))
        .map(|(name, line)| {
            Complaint::new(DATA, line, "stale", format!("{name} is not used; remove the entry"))
        })
        .collect()
}
