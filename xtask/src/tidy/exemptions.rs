//! The rules' data: banned phrases, files at the root, and the exceptions with their reasons.

use crate::{Complaint, Failure, Tree, parse_toml};

/// An exception from one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// The rule's name.
    pub rule: String,
    /// The file.
    pub path: String,
    /// What the line must contain; empty for every line.
    pub text: String,
    /// Where the exception stands, for complaints about it.
    pub line: usize,
}

/// What tidy reads from its table.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Phrases that no source may contain.
    pub phrases: Vec<String>,
    /// What may lie at the root.
    pub root: Vec<String>,
    /// The exceptions.
    pub exemptions: Vec<Exemption>,
}

impl Rules {
    /// Reads the table. An exception without a reason is an error.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let mut rules = Self::default();
        for table in parse_toml(super::DATA, text)? {
            match table.name.as_str() {
                "phrases" => rules.phrases = table.list("banned")?.to_vec(),
                "root" => rules.root = table.list("holds")?.to_vec(),
                "exempt" => {
                    if table.text("reason")?.trim().is_empty() {
                        let reason = "an exemption gives its reason";
                        return Err(Failure::data(super::DATA, table.line, reason));
                    }
                    rules.exemptions.push(Exemption {
                        rule: table.text("rule")?.to_owned(),
                        path: table.text("path")?.to_owned(),
                        text: table.text("text").unwrap_or_default().to_owned(),
                        line: table.line,
                    });
                }
                "" if table.entries.is_empty() => {}
                name => {
                    let reason = format!("[{name}] is not known here");
                    return Err(Failure::data(super::DATA, table.line, reason));
                }
            }
        }
        Ok(rules)
    }

    /// What is left of the complaints, and a new one for each exception that excepts nothing: the
    /// list may only shrink.
    pub(super) fn exempt(&self, mut found: Vec<Complaint>, tree: &Tree) -> Vec<Complaint> {
        let mut stale = Vec::new();
        for exemption in &self.exemptions {
            let before = found.len();
            found.retain(|complaint| !exemption.covers(complaint, tree));
            if found.len() == before {
                let message = format!(
                    "no `{}` in {} needs this exemption; remove it",
                    exemption.rule, exemption.path
                );
                stale.push(Complaint::new(super::DATA, exemption.line, "stale", message));
            }
        }
        found.extend(stale);
        found
    }
}

impl Exemption {
    fn covers(&self, complaint: &Complaint, tree: &Tree) -> bool {
        if complaint.rule != self.rule || complaint.path != self.path {
            return false;
        }
        if self.text.is_empty() {
            return true;
        }
        let source = tree.sources.iter().find(|source| source.path == self.path);
        let line =
            source.and_then(|source| source.text.lines().nth(complaint.line.checked_sub(1)?));
        line.is_some_and(|line| line.contains(&self.text))
    }
}
