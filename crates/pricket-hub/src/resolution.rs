//! What a name means, why, and where it would come from: without a look at the network.

use std::path::PathBuf;

use pricket_core::ModelInfo;

use crate::{ModelRef, Rule, Source, Step, Verdict};

/// The answer to "what is this name?".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolution {
    /// What was asked.
    pub name: String,
    /// What the registry's rules said, in the order in which they were asked.
    pub steps: Vec<Step>,
    /// What it means.
    pub reference: ModelRef,
    /// Why: the fixed rule that the name, or what the steps made of it, falls under.
    pub rule: Rule,
    /// What the model data says of it.
    pub info: Option<ModelInfo>,
    /// Where it is on this machine, if it is.
    pub cached: Option<PathBuf>,
    /// The sources that a pull would try, in order.
    pub sources: Vec<Source>,
}

impl Resolution {
    /// The same, told in lines.
    pub fn explain(&self) -> String {
        let mut lines: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        lines.push(format!("`{}`: {}", self.last_name(), self.rule));
        match &self.reference {
            ModelRef::Path(path) => lines.push(format!("path: {}", path.display())),
            ModelRef::Remote { provider, model } => {
                lines.push(format!("remote: the model {model} of {provider}"));
                return lines.join("\n");
            }
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

    /// The name that the fixed rules were asked about.
    fn last_name(&self) -> &str {
        let used = self.steps.iter().rev().find_map(|step| match &step.verdict {
            Verdict::Used { target } => Some(target.as_str()),
            _ => None,
        });
        used.unwrap_or(&self.name)
    }
}
