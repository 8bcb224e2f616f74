//! What a name means, why, and where it would come from: without a look at the network.

use std::path::PathBuf;

use crate::{ModelRef, Rule, Source};

/// The answer to "what is this name?".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolution {
    /// What was asked.
    pub name: String,
    /// What it means.
    pub reference: ModelRef,
    /// Why.
    pub rule: Rule,
    /// Where it is on this machine, if it is.
    pub cached: Option<PathBuf>,
    /// The sources that a pull would try, in order.
    pub sources: Vec<Source>,
}

impl Resolution {
    /// The same, told in lines.
    pub fn explain(&self) -> String {
        let mut lines = vec![format!("`{}`: {}", self.name, self.rule)];
        match &self.reference {
            ModelRef::Path(path) => lines.push(format!("path: {}", path.display())),
            reference => lines.extend(reference.on_hub().map(|hub| format!("file: {hub}"))),
        }
        if let ModelRef::Alias(alias) = &self.reference {
            lines.extend(alias.wheel.as_ref().map(|wheel| {
                format!("also: {} in the package {}", wheel.member, wheel.requirement)
            }));
        }
        let sources: Vec<String> = self.sources.iter().map(ToString::to_string).collect();
        lines.push(match &self.cached {
            Some(path) => format!("here: {}", path.display()),
            None if sources.is_empty() => "here: no, and no source may be asked".into(),
            None => format!("here: no; a pull tries {}", sources.join(", then ")),
        });
        lines.join("\n")
    }
}
