//! Providers by name, all or none registered at a time, read without a lock.

mod entry;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::limits::{PROVIDER_NAME_BYTES_MAX, PROVIDERS_MAX};
use crate::suggestion::nearest_names;
use crate::{Capabilities, CompletionProvider, CoreError};

pub use entry::{RegisteredProvider, Registration};

/// Names to providers. Shared by reference or in an `Arc`: every method takes `&self`.
///
/// A read takes the table of the moment and no lock. A write makes a new table and swaps it in
/// whole, so that readers see all of it or nothing; of two writers at once, one does its work again
/// on the other's table.
#[derive(Default)]
pub struct ProviderRegistry {
    table: ArcSwap<ProviderTable>,
}

/// What a registry held at one moment: it does not change under its reader.
#[derive(Debug, Clone, Default)]
pub struct ProviderTable {
    /// In the order of registration.
    entries: Vec<RegisteredProvider>,
    /// By every name, in lower case.
    names: HashMap<String, RegisteredProvider>,
}

impl ProviderRegistry {
    /// A registry without providers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The table of this moment, for several questions that must fit together.
    pub fn table(&self) -> Arc<ProviderTable> {
        self.table.load_full()
    }

    /// Registers a provider. Errors: a name that is taken or malformed, a full registry.
    pub fn try_register(&self, registration: Registration) -> Result<(), CoreError> {
        self.try_register_all([registration])
    }

    /// Registers providers, all or, where one of them is refused, none; no reader ever sees a part.
    pub fn try_register_all(
        &self,
        registrations: impl IntoIterator<Item = Registration>,
    ) -> Result<(), CoreError> {
        let new: Vec<RegisteredProvider> =
            registrations.into_iter().map(Registration::into_entry).collect();
        self.change(|table| new.iter().try_for_each(|entry| table.insert(entry)))
    }

    /// Puts a provider in the place of those that have one of its names, and returns them.
    pub fn replace(
        &self,
        registration: Registration,
    ) -> Result<Vec<RegisteredProvider>, CoreError> {
        let entry = registration.into_entry();
        self.change(|table| {
            let mut gone = Vec::new();
            for name in entry.names() {
                gone.extend(table.remove(name));
            }
            table.insert(&entry)?;
            Ok(gone)
        })
    }

    /// Takes a provider out by any of its names. Who holds it already keeps it.
    pub fn unregister(&self, name: &str) -> Option<RegisteredProvider> {
        self.change(|table| Ok(table.remove(name))).ok().flatten()
    }

    /// The provider of a name, whatever its case. The first call for a lazy one makes it, which may
    /// take as long as loading a model does; a failure is told and the next call tries again.
    pub fn get(&self, name: &str) -> Result<Arc<dyn CompletionProvider>, CoreError> {
        self.table().require(name)?.provider()
    }

    /// The same as the type that it was registered with. Errors: those of [`Self::get`], and
    /// another type.
    pub fn get_as<P: CompletionProvider + 'static>(&self, name: &str) -> Result<Arc<P>, CoreError> {
        self.table().require(name)?.provider_as()
    }

    fn change<T>(
        &self,
        apply: impl Fn(&mut ProviderTable) -> Result<T, CoreError>,
    ) -> Result<T, CoreError> {
        loop {
            let before = self.table.load_full();
            let mut next = ProviderTable::clone(&before);
            let told = apply(&mut next)?;
            let found = self.table.compare_and_swap(&before, Arc::new(next));
            if Arc::ptr_eq(&before, &found) {
                return Ok(told);
            }
        }
    }
}

impl ProviderTable {
    /// The entry of a name, whatever its case; nothing is made for that.
    pub fn get(&self, name: &str) -> Option<&RegisteredProvider> {
        self.names.get(&name.to_ascii_lowercase())
    }

    /// The same, or an error with the names that look like it.
    pub fn require(&self, name: &str) -> Result<&RegisteredProvider, CoreError> {
        self.get(name).ok_or_else(|| CoreError::UnknownProvider {
            name: name.chars().take(PROVIDER_NAME_BYTES_MAX).collect(),
            did_you_mean: nearest_names(
                name,
                self.entries.iter().flat_map(RegisteredProvider::names),
            ),
        })
    }

    /// Every entry, in the order of registration.
    pub fn iter(&self) -> impl Iterator<Item = &RegisteredProvider> {
        self.entries.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries that can do all of that, in the order of registration.
    pub fn with_capabilities(
        &self,
        wanted: impl Into<Capabilities>,
    ) -> impl Iterator<Item = &RegisteredProvider> {
        let wanted = wanted.into();
        self.entries.iter().filter(move |entry| entry.info().capabilities.includes(&wanted))
    }

    /// The entries of one service, such as `openai`, in the order of registration.
    pub fn of_provider(&self, provider: &str) -> impl Iterator<Item = &RegisteredProvider> {
        self.entries.iter().filter(move |entry| {
            entry.info().provider.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(provider))
        })
    }

    fn insert(&mut self, entry: &RegisteredProvider) -> Result<(), CoreError> {
        if self.entries.len() >= PROVIDERS_MAX {
            return Err(CoreError::ProvidersTooMany { max: PROVIDERS_MAX });
        }
        for name in entry.names() {
            check_name(name)?;
            // An entry's own names are in the table while the later ones of them are looked up.
            if let Some(holder) = self.names.get(&name.to_ascii_lowercase())
                && !holder.is(entry)
            {
                return Err(CoreError::ProviderNameTaken {
                    name: name.to_owned(),
                    holder: holder.name().to_owned(),
                });
            }
            self.names.insert(name.to_ascii_lowercase(), entry.clone());
        }
        self.entries.push(entry.clone());
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Option<RegisteredProvider> {
        let entry = self.get(name)?.clone();
        self.entries.retain(|other| !other.is(&entry));
        self.names.retain(|_, other| !other.is(&entry));
        Some(entry)
    }
}

impl fmt::Debug for ProviderRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.table().iter()).finish()
    }
}

/// Names are typed, logged and put into paths of an HTTP API: printable and without spaces.
fn check_name(name: &str) -> Result<(), CoreError> {
    let plain = name.chars().all(|c| !c.is_control() && !c.is_whitespace());
    if name.is_empty() || name.len() > PROVIDER_NAME_BYTES_MAX || !plain {
        let name = name.chars().take(PROVIDER_NAME_BYTES_MAX).collect();
        return Err(CoreError::ProviderNameMalformed { name, bytes_max: PROVIDER_NAME_BYTES_MAX });
    }
    Ok(())
}
