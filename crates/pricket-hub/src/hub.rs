//! The hub: the one type that callers hold.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricket_core::ProgressEvent;
use pricket_stream::AsyncStream;

use crate::inventory::{self, InstalledModel};
use crate::locate::locate;
use crate::progress::Reporter;
use crate::promised::{self, PromisedFile};
use crate::removal::{self, Removed};
use crate::resolver::Meaning;
use crate::settings::{HubBuilder, Settings};
use crate::{HubError, ModelCatalog, Registry, Resolution, fetch, refresh};

/// Turns names into files. Cheap to clone; it holds settings and no state, so any number of them
/// may work on the same caches.
#[derive(Debug, Clone)]
pub struct Hub {
    settings: Arc<Settings>,
}

impl Hub {
    pub(crate) fn with(settings: Arc<Settings>) -> Self {
        Self { settings }
    }

    /// A hub of defaults: the real hub, then pip, and the user's caches, whatever the environment
    /// says.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// A hub as the environment wants it; see [`HubBuilder::from_lookup`] for the variables.
    pub fn from_env() -> Result<Self, HubError> {
        HubBuilder::from_lookup(|name| std::env::var_os(name)).build()
    }

    /// What a name means and where it would come from. It looks at the disk, never at the network.
    pub fn resolve(&self, name: &str) -> Result<Resolution, HubError> {
        let Meaning { reference, rule, steps } = self.settings.meaning(name)?;
        let cached = locate(&self.settings, &reference)?;
        let sources = fetch::sources(&self.settings, &reference);
        let info = self.settings.resolver().info(&reference).cloned();
        Ok(Resolution { name: name.to_owned(), steps, reference, rule, info, cached, sources })
    }

    /// Where a model is on this machine, if it is.
    pub fn locate(&self, name: &str) -> Result<Option<PathBuf>, HubError> {
        locate(&self.settings, &self.settings.meaning(name)?.reference)
    }

    /// Fetches a model unless it is here, on a thread of its own. The last event is `Finished` with
    /// the path of the file or folder, or `Failed`; dropping the stream stops the work, and what
    /// has arrived from the hub is kept for the next pull. What is here is not held against the
    /// hub again: remove it to get a newer one.
    pub fn pull(&self, name: &str) -> AsyncStream<ProgressEvent> {
        let settings = Arc::clone(&self.settings);
        let name = name.to_owned();
        AsyncStream::builder().thread("pricket-pull").with_channel(move |sender| {
            let mut reporter = Reporter::new(sender, &name);
            let outcome = fetch::fetch(&settings, &mut reporter);
            reporter.end(outcome);
        })
    }

    /// The files of a model on this machine, and what each was promised to be: [`verify`] holds
    /// them against it.
    ///
    /// [`verify`]: Self::verify
    ///
    /// # Errors
    /// [`HubError::NotCached`] and [`HubError::PathMissing`] for a model that is not here.
    pub fn promised(&self, name: &str) -> Result<Vec<PromisedFile>, HubError> {
        promised::files(&self.settings, name)
    }

    /// Reads a file on a thread of its own and holds it against its promise. The last event is
    /// `Finished` with its path, or `Failed`, with the code `file_differs` where it is another file
    /// than it should be. A file of which nothing is known passes: see [`PromisedFile::promise`].
    pub fn verify(&self, file: &PromisedFile) -> AsyncStream<ProgressEvent> {
        let file = file.clone();
        AsyncStream::builder().thread("pricket-verify").with_channel(move |sender| {
            let mut reporter = Reporter::new(sender, &file.name);
            let outcome = file.verify(&mut reporter);
            reporter.end(outcome);
        })
    }

    /// Fetches model data from an address, on a thread of its own, and keeps it in our own cache:
    /// hubs that are built from then on lay it over the data that every build knows, and the file
    /// of [`HubBuilder::model_data`] over both. The last event is `Finished` with the file's path,
    /// or `Failed`; then what was kept before stays. The data is the format of [`ModelCatalog`].
    pub fn refresh(&self, address: &str) -> AsyncStream<ProgressEvent> {
        let settings = Arc::clone(&self.settings);
        let address = address.to_owned();
        AsyncStream::builder().thread("pricket-refresh").with_channel(move |sender| {
            let mut reporter = Reporter::new(sender, &address);
            let outcome = refresh::refresh(&settings, &address, &mut reporter);
            reporter.end(outcome);
        })
    }

    /// What is installed, by name.
    pub fn list(&self) -> Result<Vec<InstalledModel>, HubError> {
        inventory::list(&self.settings)
    }

    /// Takes a model away. An alias or `hf:...` means what [`list`](Self::list) calls so, whatever
    /// rules make of it elsewhere; any other name is resolved, and a path is one of the listing.
    /// Only files of the two caches are ever deleted, and of the hub's blobs only those that no
    /// other snapshot shares.
    pub fn remove(&self, name: &str) -> Result<Removed, HubError> {
        removal::remove(&self.settings, name)
    }

    /// The aliases and rules that it knows.
    pub fn registry(&self) -> &Registry {
        &self.settings.registry
    }

    /// What it knows of models.
    pub fn catalog(&self) -> &ModelCatalog {
        &self.settings.catalog
    }

    /// The folder in the hub's layout.
    pub fn hub_cache(&self) -> &Path {
        &self.settings.hub_cache
    }

    /// Our own folder, for what came out of wheels.
    pub fn own_cache(&self) -> &Path {
        &self.settings.own_cache
    }
}
