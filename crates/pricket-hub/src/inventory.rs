//! What is there, and taking it away: never a file outside the two caches.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::disk::{discard, discard_dir};
use crate::limits::FILES_MAX;
use crate::locate::{in_models_dir, locate};
use crate::selection::{Selection, choose};
use crate::settings::Settings;
use crate::snapshot::{RepoCache, files_below};
use crate::store::Store;
use crate::{Alias, HubError, HubRef, ModelRef};

/// Where an installed model's bytes came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// The hub; its cache is shared with Python.
    Hub,
    /// A wheel; our own cache.
    Wheel,
    /// The user's own folder (`PRICKET_MODELS`); it is only read.
    Folder,
}

/// A model in one of the caches, or in the user's own folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledModel {
    /// A name that resolves to it: its alias, else `hf:...`, else its path.
    pub name: String,
    /// The file, or the folder of a model in several files.
    pub path: PathBuf,
    /// The length of its files in bytes.
    pub bytes: u64,
    /// When it was last written, where the system tells; as JSON in whole seconds since 1970.
    #[serde(with = "crate::seconds")]
    pub modified: Option<SystemTime>,
    /// Where it came from.
    pub origin: Origin,
}

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

/// Everything in both caches and in the user's own folder, by name.
pub(crate) fn list(settings: &Settings) -> Result<Vec<InstalledModel>, HubError> {
    let mut models = Vec::new();
    for alias in settings.registry.iter() {
        if let Some(path) = Store::new(&settings.own_cache, alias).find(alias) {
            models.extend(describe(alias.name.clone(), path, Origin::Wheel));
        }
    }
    for folder in folders(&settings.hub_cache)? {
        let Some(repo) = folder.strip_prefix("models--").map(|repo| repo.replace("--", "/")) else {
            continue;
        };
        let cache = RepoCache::new(&settings.hub_cache, &repo);
        let main = cache.commit_of("main");
        for commit in folders(&cache.dir().join("snapshots"))? {
            let at_main = main.as_ref() == Some(&commit);
            let revision = if at_main { "main".to_owned() } else { commit.clone() };
            models.extend(in_snapshot(settings, &cache, &repo, &revision, &commit));
        }
    }
    if let Some(folder) = &settings.models_dir {
        models.extend(in_folder(settings, folder)?);
    }
    models.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(models)
}

/// The GGUF files that lie in the user's own folder.
fn in_folder(settings: &Settings, folder: &Path) -> Result<Vec<InstalledModel>, HubError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(HubError::io("list", folder, e)),
    };
    let files = entries.flatten().map(|entry| entry.path());
    let models = files.filter(|path| path.is_file() && path.extension().is_some_and(is_gguf));
    let described = models.filter_map(|path| {
        let is_this = |alias: &&Alias| in_models_dir(settings, alias).as_ref() == Some(&path);
        let alias = settings.registry.iter().find(is_this);
        let name = alias.map_or_else(|| path.display().to_string(), |alias| alias.name.clone());
        describe(name, path.clone(), Origin::Folder)
    });
    Ok(described.collect())
}

fn in_snapshot(
    settings: &Settings,
    cache: &RepoCache,
    repo: &str,
    revision: &str,
    commit: &str,
) -> Vec<InstalledModel> {
    let snapshot = cache.snapshot(commit);
    let named = |file: Option<String>| HubRef {
        repo: repo.to_owned(),
        revision: revision.to_owned(),
        file,
    };
    let files = files_below(&snapshot);
    let mut models = Vec::new();
    if let Ok(Selection::Folder(_)) = choose(repo, &files, None) {
        let whole = named(None);
        if let Ok(Some(path)) = cache.find(&whole) {
            models.extend(describe(whole.to_string(), path, Origin::Hub));
        }
    }
    for file in files.into_iter().filter(|file| Path::new(file).extension().is_some_and(is_gguf)) {
        let path = snapshot.join(&file);
        let alias = settings.registry.of_file(repo, &file);
        let alias = alias.filter(|alias| [revision, commit].contains(&alias.revision.as_str()));
        let name =
            alias.map_or_else(|| named(Some(file.clone())).to_string(), |alias| alias.name.clone());
        models.extend(describe(name, path, Origin::Hub));
    }
    models
}

fn is_gguf(end: &std::ffi::OsStr) -> bool {
    end.eq_ignore_ascii_case("gguf")
}

fn describe(name: String, path: PathBuf, origin: Origin) -> Option<InstalledModel> {
    let metadata = path.metadata().ok()?;
    let modified = metadata.modified().ok();
    let bytes = if metadata.is_dir() {
        let lengths = files_below(&path).into_iter().map(|file| path.join(file).metadata());
        lengths.flatten().map(|metadata| metadata.len()).sum()
    } else {
        metadata.len()
    };
    Some(InstalledModel { name, path, bytes, modified, origin })
}

/// The names of the folders in a folder; none where it does not exist.
fn folders(dir: &Path) -> Result<Vec<String>, HubError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(HubError::io("list", dir, e)),
    };
    // Links to folders are not followed: a cache has none.
    let folders = entries.flatten().filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir()));
    Ok(folders.filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// Takes a model away from every cache that has it.
pub(crate) fn remove(settings: &Settings, name: &str) -> Result<Removed, HubError> {
    let reference = settings.meaning(name)?.reference;
    let mut removed = Removed { name: name.to_owned(), paths: Vec::new(), bytes: 0 };
    let wanted = match &reference {
        ModelRef::Path(path) => return Err(HubError::OutsideCache { path: path.clone() }),
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
    if let Some(found) = cache.find(&wanted)? {
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
        vec![found.to_path_buf()]
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
