//! Newer model data, from an address that the user names: fetched, checked, and only then kept.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use pricket_core::ProgressStage;

use crate::address::shown;
use crate::client::{Client, refusal, unusable};
use crate::disk::{discard, make_dir, publish};
use crate::limits::CATALOG_BYTES_MAX;
use crate::lock::FileLock;
use crate::progress::Reporter;
use crate::settings::Settings;
use crate::{HubError, ModelCatalog};

/// The place of what was fetched.
pub(crate) fn place(own_cache: &Path) -> PathBuf {
    own_cache.join("model-data.json")
}

/// Lays what was fetched over the data that every build knows. What another version of this program
/// wrote and this one cannot read is left out and told: no command should fail by it, and the next
/// refresh replaces it.
pub(crate) fn over(catalog: ModelCatalog, own_cache: &Path) -> ModelCatalog {
    let path = place(own_cache);
    if !path.exists() {
        return catalog;
    }
    match catalog.with_override_file(&path) {
        Ok(refreshed) => refreshed,
        Err(error) => {
            tracing::warn!(%error, "the refreshed model data is left out");
            catalog
        }
    }
}

/// Fetches model data and puts it in place of what was fetched before. Where anything is wrong with
/// it, what is there stays.
pub(crate) fn refresh(
    settings: &Settings,
    address: &str,
    reporter: &mut Reporter,
) -> Result<PathBuf, HubError> {
    let told = shown(address);
    if !["https://", "http://"].iter().any(|scheme| address.starts_with(scheme)) {
        return Err(HubError::CatalogAddress { address: told });
    }
    if settings.offline {
        return Err(HubError::CatalogOffline { address: told });
    }
    reporter.begin(ProgressStage::Downloading, &told, None)?;
    let answer = Client::new(settings)?.get(address, None)?;
    if !answer.status().is_success() {
        return Err(refusal(address, &told, answer.status().as_u16()));
    }
    let mut json = Vec::new();
    let mut reader = answer.into_body().into_reader().take(CATALOG_BYTES_MAX + 1);
    reader.read_to_end(&mut json).map_err(|e| unusable(address, &told, &e.to_string()))?;
    reporter.advance(json.len() as u64)?;
    ModelCatalog::builtin().overlaid(&json, &told)?;
    make_dir(&settings.own_cache)?;
    let place = place(&settings.own_cache);
    let _lock = FileLock::acquire(
        &settings.own_cache.join("locks").join("model-data.lock"),
        "model data",
        reporter,
    )?;
    let fresh = place.with_extension("json.incomplete");
    let written = fs::write(&fresh, &json).map_err(|e| HubError::io("write", &fresh, e));
    if let Err(error) = written.and_then(|()| publish(&fresh, &place)) {
        discard(&fresh)?;
        return Err(error);
    }
    Ok(place)
}
