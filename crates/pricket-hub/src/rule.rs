//! Rules of the user: this name means that one, under these conditions.

use std::fmt;

use pricket_core::Capability;
use serde::{Deserialize, Serialize};

use crate::limits::{REFERENCE_BYTES_MAX, RULE_CONDITIONS_MAX, RULE_TARGET_BYTES_MAX};
use crate::pattern::Matcher;
use crate::{HubError, Pattern};

/// Says that names which fit a pattern mean another name. Plain data, so that a configuration file
/// can hold a list of them.
///
/// The target may use what the pattern captured: `$1` is what the first star or group stands for,
/// `${name}` a named group, `$0` the whole name, `$$` a dollar sign. It is resolved in its turn,
/// by further rules too unless it is written as `hf:` or as a path; a rule that makes a name of
/// itself ends the matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolutionRule {
    /// The names that it is for.
    pub pattern: Pattern,
    /// What they mean.
    pub target: String,
    /// Of several rules that fit a name, the one with the highest priority is used.
    #[serde(default)]
    pub priority: i32,
    /// What must hold, all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// What must hold for a rule to be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Condition {
    /// The model data says that the target can do this. Asked of the target as it is written,
    /// without further rules.
    Capability(Capability),
    /// An environment variable is set and not empty.
    Env(String),
    /// The program was built with a feature.
    Feature(String),
}

impl ResolutionRule {
    /// A rule of priority 0 that always holds.
    pub fn new(pattern: Pattern, target: impl Into<String>) -> Self {
        Self { pattern, target: target.into(), priority: 0, conditions: Vec::new() }
    }

    /// Sets the priority.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Adds a condition.
    #[must_use]
    pub fn when(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }
}

impl fmt::Display for ResolutionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the rule for the {} (priority {})", self.pattern, self.priority)
    }
}

/// A rule that was checked and can be asked.
#[derive(Debug, Clone)]
pub(crate) struct CheckedRule {
    pub(crate) rule: ResolutionRule,
    matcher: Matcher,
    target: Vec<Part>,
}

/// A part of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

impl PartialEq for CheckedRule {
    fn eq(&self, other: &Self) -> bool {
        self.rule == other.rule
    }
}

impl Eq for CheckedRule {}

impl CheckedRule {
    pub(crate) fn new(rule: ResolutionRule) -> Result<Self, HubError> {
        match Self::parts(&rule) {
            Ok((matcher, target)) => Ok(Self { rule, matcher, target }),
            Err(reason) => {
                let pattern = rule.pattern.text().chars().take(120).collect();
                Err(HubError::RuleRefused { pattern, reason })
            }
        }
    }

    fn parts(rule: &ResolutionRule) -> Result<(Matcher, Vec<Part>), String> {
        let matcher = Matcher::new(&rule.pattern)?;
        if rule.target.is_empty() || rule.target.len() > RULE_TARGET_BYTES_MAX {
            return Err(format!("a target has 1 to {RULE_TARGET_BYTES_MAX} bytes"));
        }
        if rule.conditions.len() > RULE_CONDITIONS_MAX {
            return Err(format!("a rule has at most {RULE_CONDITIONS_MAX} conditions"));
        }
        for condition in &rule.conditions {
            if let Condition::Env(name) | Condition::Feature(name) = condition
                // The system's own look-up panics or fails on these.
                && (name.is_empty() || name.contains(['=', '\0']))
            {
                return Err(format!("`{}` names no variable and no feature", name.escape_debug()));
            }
        }
        let target = template(&rule.target, &matcher)?;
        Ok((matcher, target))
    }

    /// The target for a name, or `None` where the pattern does not fit it.
    pub(crate) fn target_for(&self, name: &str) -> Option<Result<String, HubError>> {
        let captures = self.matcher.captures(name)?;
        let mut target = String::new();
        for part in &self.target {
            target.push_str(match part {
                Part::Text(text) => text,
                Part::Group(group) => captures.get(*group).copied().unwrap_or_default(),
            });
            if target.len() > REFERENCE_BYTES_MAX {
                let name = name.chars().take(120).collect();
                let reason = "a rule makes it longer than 4096 bytes";
                return Some(Err(HubError::NameMalformed { name, reason }));
            }
        }
        Some(Ok(target))
    }
}

/// Reads a target. Errors: a group that the pattern does not have, a lone `$`.
fn template(target: &str, matcher: &Matcher) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = target;
    while let Some((text, after)) = rest.split_once('$') {
        parts.push(Part::Text(text.to_owned()));
        if let Some(after) = after.strip_prefix('$') {
            parts.push(Part::Text("$".to_owned()));
            rest = after;
            continue;
        }
        let (group, after) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or("a `${` in the target has no `}`")?,
            None => after.split_at(after.len() - after.trim_start_matches(digit).len()),
        };
        if group.is_empty() {
            return Err("a `$` in the target begins `$1`, `${name}` or `$$`".to_owned());
        }
        let number = if group.chars().all(digit) {
            group.parse().ok().filter(|&number| number <= matcher.groups())
        } else {
            matcher.group_named(group)
        };
        let number = number.ok_or_else(|| {
            format!("the target uses `${group}`, which the pattern does not capture")
        })?;
        parts.push(Part::Group(number));
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
}
