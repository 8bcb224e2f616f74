//! Looking for a model on this machine, without the network.

use std::path::PathBuf;

use crate::settings::Settings;
use crate::snapshot::RepoCache;
use crate::store::Store;
use crate::{Alias, HubError, HubRef, ModelRef};

/// The file or folder, if it is here: a path itself; else the folder of `PRICKET_MODELS`, the
/// hub's cache, our own.
pub(crate) fn locate(
    settings: &Settings,
    reference: &ModelRef,
) -> Result<Option<PathBuf>, HubError> {
    match reference {
        ModelRef::Path(path) => Ok(Some(path.clone()).filter(|path| path.exists())),
        ModelRef::Remote { .. } => Ok(None),
        ModelRef::Hub(wanted) => RepoCache::new(&settings.hub_cache, &wanted.repo).find(wanted),
        ModelRef::Alias(alias) => {
            if let Some(path) = in_models_dir(settings, alias) {
                return Ok(Some(path));
            }
            let found = RepoCache::new(&settings.hub_cache, &alias.repo).find(&alias.into())?;
            Ok(found.or_else(|| Store::new(&settings.own_cache, alias).find(alias)))
        }
    }
}

/// A file of the alias' name and length. Without a known length a name alone proves too little.
pub(crate) fn in_models_dir(settings: &Settings, alias: &Alias) -> Option<PathBuf> {
    let path = settings.models_dir.as_ref()?.join(alias.file_name());
    let metadata = path.metadata().ok()?;
    (metadata.is_file() && metadata.len() == alias.bytes?).then_some(path)
}

impl ModelRef {
    /// The repository and file on the hub, if it has one.
    pub fn on_hub(&self) -> Option<HubRef> {
        match self {
            Self::Alias(alias) => Some(alias.into()),
            Self::Hub(wanted) => Some(wanted.clone()),
            Self::Path(_) | Self::Remote { .. } => None,
        }
    }
}
