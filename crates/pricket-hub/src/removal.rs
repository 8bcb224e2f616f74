//! Taking models away: never a file outside the two caches.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk::{discard, discard_dir};
use crate::limits::FILES_MAX;
use crate::locate::locate;
use crate::selection::parts;
use crate::settings::Settings;
use crate::snapshot::{RepoCache, files_below};
use crate::store::Store;
use crate::{HubError, HubRef, ModelRef, Rule};

/// What a removal took away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// What was asked for.
    pub name: String,
    /// The files that are gone.
    pub paths: Vec<PathBuf>,
    /// How many bytes that freed; a blob that another snapshot shares stays and counts nothing.
    pub bytes: u64,
}

/// What a name means to a removal: what a listing calls so, whatever the rules say; they are asked
/// about other names.
fn listed(settings: &Settings, name: &str) -> Result<ModelRef, HubError> {
    match settings.resolver().fixed(name) {
        Ok((reference, Rule::AliasName | Rule::HubPrefix)) => Ok(reference),
        _ => Ok(settings.meaning(name)?.reference),
    }
}

/// Takes a model away from every cache that has it.
pub(crate) fn remove(settings: &Settings, name: &str) -> Result<Removed, HubError> {
    let reference = listed(settings, name)?;
    let mut removed = Removed { name: name.to_owned(), paths: Vec::new(), bytes: 0 };
    let wanted = match &reference {
        ModelRef::Path(path) => {
            remove_unclaimed(settings, path, &mut removed)?;
            return Ok(removed);
        }
        ModelRef::Remote { .. } => return Err(HubError::NotInstalled { name: name.to_owned() }),
        ModelRef::Hub(wanted) => wanted.clone(),
        ModelRef::Alias(alias) => {
            let store = Store::new(&settings.own_cache, alias);
            if let Some(path) = store.find(alias) {
                if !is_inside(&store.dir(), &Store::models(&settings.own_cache)) {
                    return Err(HubError::OutsideCache { path });
                }
                removed.bytes += len(&path);
                discard_dir(&store.dir())?;
                removed.paths.push(path);
            }
            HubRef::from(alias)
        }
    };
    let cache = RepoCache::new(&settings.hub_cache, &wanted.repo);
    if let Some(found) = cache.find(&wanted)?.or_else(|| cache.find_part(&wanted)) {
        remove_snapshot_files(settings, &cache, &found, &mut removed)?;
    }
    if !removed.paths.is_empty() {
        return Ok(removed);
    }
    match locate(settings, &reference)? {
        // Found in the folder of `PRICKET_MODELS`, which is the user's own.
        Some(path) => Err(HubError::OutsideCache { path }),
        None => Err(HubError::NotInstalled { name: name.to_owned() }),
    }
}

/// Deletes a file by its path, where that lies in a folder of our own cache, and the folder with
/// its last file.
fn remove_unclaimed(
    settings: &Settings,
    path: &Path,
    removed: &mut Removed,
) -> Result<(), HubError> {
    let outside = || HubError::OutsideCache { path: path.to_path_buf() };
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok()).ok_or_else(outside)?;
    let root = Store::models(&settings.own_cache).canonicalize().map_err(|_| outside())?;
    if !path.is_file() || folder.parent() != Some(root.as_path()) {
        return Err(outside());
    }
    let bytes = if path.is_symlink() { 0 } else { len(path) };
    discard(path)?;
    removed.bytes += bytes;
    removed.paths.push(path.to_path_buf());
    // Another file in it keeps the folder.
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// Deletes the links of a file or folder, then the blobs that no link is left for.
fn remove_snapshot_files(
    settings: &Settings,
    cache: &RepoCache,
    found: &Path,
    removed: &mut Removed,
) -> Result<(), HubError> {
    let pointers: Vec<PathBuf> = if found.is_dir() {
        files_below(found).into_iter().map(|file| found.join(file)).collect()
    } else {
        // Of a split file all parts go: none of them is a model.
        let name = found.file_name().unwrap_or_default().to_string_lossy();
        let all = parts(&name).into_iter().map(|part| found.with_file_name(part));
        all.filter(|part| part == found || part.is_file() || part.is_symlink()).collect()
    };
    let mut blobs = Vec::new();
    for pointer in &pointers {
        // The folders on the way must be the cache's own, whatever a link in it says.
        let Some(parent) = pointer.parent() else { continue };
        if !is_inside(parent, &settings.hub_cache) {
            return Err(HubError::OutsideCache { path: pointer.clone() });
        }
        let is_link = pointer.is_symlink();
        let blob = pointer.canonicalize().ok();
        let bytes = if is_link { 0 } else { len(pointer) };
        discard(pointer)?;
        removed.bytes += bytes;
        removed.paths.push(pointer.clone());
        blobs.extend(blob.filter(|_| is_link));
    }
    if found.is_dir() {
        discard_dir(found)?;
    }
    // Where not every link can be looked at, every blob stays.
    let Some(shared) = linked_blobs(cache) else { return Ok(()) };
    let own = cache.dir().join("blobs");
    for blob in blobs {
        // A link that led elsewhere is gone; what it led to is not ours.
        let ours = blob.parent().is_some_and(|parent| is_inside(parent, &own));
        if ours && !shared.contains(&blob) {
            removed.bytes += len(&blob);
            discard(&blob)?;
            removed.paths.push(blob);
        }
    }
    Ok(())
}

/// The blobs that the snapshots of a repository still point to; `None` where they are too many.
fn linked_blobs(cache: &RepoCache) -> Option<HashSet<PathBuf>> {
    let snapshots = cache.dir().join("snapshots");
    let files = files_below(&snapshots);
    let all = files.len() < FILES_MAX;
    let blobs = files.into_iter().filter_map(|file| snapshots.join(file).canonicalize().ok());
    all.then(|| blobs.collect())
}

/// Whether a folder lies in another once every link on the way is followed.
fn is_inside(path: &Path, root: &Path) -> bool {
    match (path.canonicalize(), root.canonicalize()) {
        (Ok(path), Ok(root)) => path.starts_with(root),
        _ => false,
    }
}

fn len(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}
