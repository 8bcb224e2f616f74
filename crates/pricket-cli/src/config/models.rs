//! What the configuration file says about models: `[[alias]]` tables.

use pricket::hub::{Alias, Registry};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::DeValue;

use super::file::Reader;
use super::origin::Origin;
use crate::limits::ALIASES_MAX;

/// The key of the aliases' tables.
pub(super) const ALIAS: &str = "alias";

/// What a configuration says about models.
#[derive(Debug, Default)]
pub(crate) struct Models {
    aliases: Vec<(Alias, Origin)>,
}

impl Models {
    /// Reads the tables of `[[alias]]`; each mistake goes to the reader.
    pub(super) fn read_aliases(&mut self, value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) {
        let DeValue::Array(tables) = value.get_ref() else {
            reader.mistake(value.span().start, "alias: write each one as a table `[[alias]]`");
            return;
        };
        if tables.len() > ALIASES_MAX {
            let what = format!("alias: {} are more than {ALIASES_MAX}; give fewer", tables.len());
            reader.mistake(value.span().start, &what);
            return;
        }
        // Against each other only: a built-in alias may be taken over.
        let mut registry = Registry::empty();
        for (index, table) in tables.iter().enumerate() {
            let at = table.span().start;
            let key = format!("alias[{index}]");
            let alias = match Alias::deserialize(table.clone().into_deserializer()) {
                Ok(alias) => alias,
                Err(error) => {
                    let at = error.span().map_or(at, |span| span.start);
                    reader.mistake(at, &format!("{key}: {}", error.message()));
                    continue;
                }
            };
            match registry.try_register(alias.clone()) {
                Ok(()) => self.aliases.push((alias, reader.origin(at))),
                Err(error) => reader.mistake(at, &format!("{key}: {error}")),
            }
        }
    }

    /// The aliases, each with its place.
    pub(crate) fn aliases(&self) -> &[(Alias, Origin)] {
        &self.aliases
    }

    /// The built-in aliases and these, which win where they share a name.
    pub(crate) fn registry(&self) -> Registry {
        let mut registry = Registry::well_known();
        for (alias, origin) in &self.aliases {
            // Each was registered once before, so it is not refused here.
            match registry.replace(alias.clone()) {
                Ok(taken_over) if taken_over.is_empty() => {}
                Ok(_) => tracing::debug!(name = %alias.name, %origin, "takes over an alias"),
                Err(error) => tracing::error!(%error, %origin, "an alias is refused"),
            }
        }
        registry
    }
}
