//! What the configuration file says about models: `[[alias]]` and `[[rule]]` tables.

use pricket::hub::{Alias, HubError, Registry, ResolutionRule};
use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::DeValue;

use super::file::Reader;
use super::origin::Origin;
use super::value::short;
use crate::limits::MODEL_TABLES_MAX;

/// The key of the aliases' tables.
pub(super) const ALIAS: &str = "alias";

/// The key of the rules' tables.
pub(super) const RULE: &str = "rule";

/// What a configuration says about models, on top of what every build knows.
#[derive(Debug, Default)]
pub(crate) struct Models {
    aliases: Vec<(Alias, Origin)>,
    rules: Vec<(ResolutionRule, Origin)>,
    registry: Registry,
}

impl Models {
    /// Reads the tables of `[[alias]]`. Two of them may not share a name, but one may take over a
    /// name that is built in.
    pub(super) fn read_aliases(&mut self, value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) {
        let mut own = Registry::empty();
        let registry = &mut self.registry;
        self.aliases = tables(ALIAS, value, reader, |alias: &mut Alias, _| {
            if let Some(taken) = alias.names().find(|name| own.get(name).is_some()) {
                let taken = short(taken);
                return Err(format!(
                    "the name `{taken}` is taken by another [[alias]]; take one of them out"
                ));
            }
            let registered = own.try_register(alias.clone());
            registered.and_then(|()| registry.replace(alias.clone())).map_err(told)?;
            Ok(())
        });
    }

    /// Reads the tables of `[[rule]]`. A target that is a path begins where paths of the file do.
    pub(super) fn read_rules(&mut self, value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) {
        let registry = &mut self.registry;
        self.rules = tables(RULE, value, reader, |rule: &mut ResolutionRule, reader| {
            rule.target = reader.placed_target(std::mem::take(&mut rule.target));
            registry.try_add_rule(rule.clone()).map_err(told)
        });
    }

    /// The aliases, each with its place.
    pub(crate) fn aliases(&self) -> &[(Alias, Origin)] {
        &self.aliases
    }

    /// The rules, each with its place.
    pub(crate) fn rules(&self) -> &[(ResolutionRule, Origin)] {
        &self.rules
    }

    /// The built-in aliases, and these and the rules on top of them.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is mapped")]
fn told(error: HubError) -> String {
    error.to_string()
}

/// Reads an array of tables and takes each in; every table that is wrong is told to the reader.
fn tables<T: DeserializeOwned>(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    reader: &mut Reader<'_>,
    mut take: impl FnMut(&mut T, &Reader<'_>) -> Result<(), String>,
) -> Vec<(T, Origin)> {
    let at = value.span().start;
    let DeValue::Array(tables) = value.get_ref() else {
        reader.mistake(at, &format!("{key}: write each one as a table `[[{key}]]`"));
        return Vec::new();
    };
    if tables.len() > MODEL_TABLES_MAX {
        let found = tables.len();
        let what = format!("{key}: {found} are more than {MODEL_TABLES_MAX}; give fewer");
        reader.mistake(at, &what);
        return Vec::new();
    }
    let mut read = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let at = table.span().start;
        match T::deserialize(table.clone().into_deserializer()) {
            Err(error) => {
                let at = error.span().map_or(at, |span| span.start);
                reader.mistake(at, &format!("{key}[{index}]: {}", error.message()));
            }
            Ok(mut item) => match take(&mut item, reader) {
                Ok(()) => read.push((item, reader.origin(at))),
                Err(error) => reader.mistake(at, &format!("{key}[{index}]: {error}")),
            },
        }
    }
    read
}
