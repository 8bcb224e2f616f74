//! From a name to its meaning: the user's rules first, then the fixed ones, each step told.

mod fixed;

use std::fmt;
use std::sync::{Arc, LazyLock};

use pricket_core::ModelInfo;

use crate::limits::{REFERENCE_BYTES_MAX, RULE_STEPS_MAX};
use crate::reference::{clip, is_path_like};
use crate::rule::CheckedRule;
use crate::{Condition, HubError, ModelCatalog, ModelRef, Registry, Rule, Step, Verdict};

/// What conditions ask about, and how far a name may be off.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// The features that the program says it was built with.
    pub(crate) features: Vec<String>,
    /// Whether an environment variable is set and not empty.
    pub(crate) is_set: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// Whether a mistyped name may be taken for the one alias nearest to it.
    pub(crate) nearest_allowed: bool,
}

impl Default for Surroundings {
    fn default() -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self { features: Vec::new(), is_set: Arc::new(is_set), nearest_allowed: false }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("features", &self.features)
            .field("nearest_allowed", &self.nearest_allowed)
            .finish_non_exhaustive()
    }
}

/// What a name means and how that was found.
pub(crate) struct Meaning {
    pub(crate) reference: ModelRef,
    pub(crate) rule: Rule,
    pub(crate) steps: Vec<Step>,
}

/// Everything that decides what a name means.
#[derive(Clone, Copy)]
pub(crate) struct Resolver<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) catalog: &'a ModelCatalog,
    pub(crate) surroundings: &'a Surroundings,
}

impl<'a> Resolver<'a> {
    /// With the built-in model data and the real environment.
    pub(crate) fn plain(registry: &'a Registry) -> Self {
        static SURROUNDINGS: LazyLock<Surroundings> = LazyLock::new(Surroundings::default);
        Self { registry, catalog: ModelCatalog::builtin_ref(), surroundings: &SURROUNDINGS }
    }

    /// What a name means. It looks at the disk, and never at the network.
    pub(crate) fn resolve(&self, name: &str) -> Result<Meaning, HubError> {
        let mut steps = Vec::new();
        let mut chain = vec![name.to_owned()];
        let mut current = name.to_owned();
        while let Some(target) = self.apply_rules(&current, &mut steps)? {
            let again = chain.contains(&target);
            chain.push(target.clone());
            if again || chain.len() > RULE_STEPS_MAX {
                let chain = chain.iter().map(|name| clip(name)).collect();
                return Err(HubError::RulesEndless { name: clip(name), chain });
            }
            current = target;
            // `hf:` says all there is to say; a pattern such as `*-*` would fit it again.
            if current.starts_with("hf:") {
                break;
            }
        }
        match self.fixed(&current) {
            Ok((reference, rule)) => Ok(Meaning { reference, rule, steps }),
            Err(error) if chain.len() == 1 => Err(error),
            Err(error) => Err(HubError::RuleTarget {
                name: clip(name),
                target: clip(&current),
                source: Box::new(error),
            }),
        }
    }

    /// What the user's rules make of a name; `None` where they leave it alone. A path means what is
    /// written, whatever the rules say.
    fn apply_rules(&self, name: &str, steps: &mut Vec<Step>) -> Result<Option<String>, HubError> {
        let is_path = is_path_like(name) && !name.starts_with("hf:");
        if name.len() > REFERENCE_BYTES_MAX || is_path {
            return Ok(None);
        }
        let mut fitting: Vec<(&CheckedRule, Result<String, HubError>, Option<String>)> = Vec::new();
        for rule in self.registry.checked_rules() {
            if let Some(target) = rule.target_for(name) {
                let meant = target.as_deref().ok();
                let unmet = rule.rule.conditions.iter().find_map(|c| self.unmet(c, meant));
                fitting.push((rule, target, unmet));
            }
        }
        let holding = fitting.iter().filter(|(_, _, unmet)| unmet.is_none());
        let highest = holding.map(|(rule, ..)| rule.rule.priority).max();
        let mut targets: Vec<String> = Vec::new();
        for (rule, target, unmet) in fitting {
            let verdict = match unmet {
                Some(reason) => Verdict::Unmet { reason },
                None if Some(rule.rule.priority) != highest => Verdict::Outranked,
                None => {
                    // Only of a rule that is used does it matter that its target is too long.
                    let target = target?;
                    if !targets.contains(&target) {
                        targets.push(target.clone());
                    }
                    if target == name { Verdict::Kept } else { Verdict::Used { target } }
                }
            };
            steps.push(Step { name: name.to_owned(), rule: rule.rule.clone(), verdict });
        }
        if targets.len() > 1 {
            return Err(HubError::NameAmbiguous { name: clip(name), candidates: targets });
        }
        Ok(targets.pop().filter(|target| target != name))
    }

    /// Why a condition does not hold, if it does not. `target` is `None` where it is too long.
    fn unmet(&self, condition: &Condition, target: Option<&str>) -> Option<String> {
        match condition {
            Condition::Env(name) => (!(self.surroundings.is_set)(name))
                .then(|| format!("the environment variable `{name}` is not set")),
            Condition::Feature(name) => (!self.surroundings.features.contains(name))
                .then(|| format!("this program is built without the feature `{name}`")),
            Condition::Capability(capability) => {
                let Some(target) = target else {
                    return Some("its target is too long to be a model".to_owned());
                };
                let reference = self.fixed(target).ok().map(|(reference, _)| reference);
                match reference.and_then(|reference| self.info(&reference)) {
                    Some(info) if info.capabilities.has(*capability) => None,
                    Some(_) => Some(format!(
                        "the model data does not say that `{target}` can do {capability}"
                    )),
                    None => Some(format!("there is no model data of `{target}`")),
                }
            }
        }
    }

    /// The model data of what a name means, if there is some.
    pub(crate) fn info(&self, reference: &ModelRef) -> Option<&'a ModelInfo> {
        match reference {
            ModelRef::Alias(alias) => self.catalog.local(&alias.name),
            ModelRef::Hub(wanted) => {
                let alias = self.registry.of_file(&wanted.repo, wanted.file.as_deref()?)?;
                self.catalog.local(&alias.name)
            }
            ModelRef::Remote { provider, model } => self.catalog.remote(provider, model),
            ModelRef::Path(_) => None,
        }
    }
}
