//! What is there: in the two caches, and in the user's own folder.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::locate::in_models_dir;
use crate::selection::{Selection, choose, ggufs};
use crate::settings::Settings;
use crate::snapshot::{RepoCache, files_below};
use crate::store::Store;
use crate::{Alias, HubError, HubRef};

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
    /// A name that resolves to it where no rule of the user says otherwise: its alias, else
    /// `hf:...`, else its path. A removal takes it as it is, whatever the rules say.
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

/// Everything in both caches and in the user's own folder, by name.
pub(crate) fn list(settings: &Settings) -> Result<Vec<InstalledModel>, HubError> {
    let mut models = out_of_wheels(settings)?;
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

/// The files of our own cache: by their aliases, and those that no alias claims by their paths.
fn out_of_wheels(settings: &Settings) -> Result<Vec<InstalledModel>, HubError> {
    let (mut models, mut claimed) = (Vec::new(), HashSet::new());
    for alias in settings.registry.iter() {
        if let Some(path) = Store::new(&settings.own_cache, alias).find(alias) {
            models.extend(describe(alias.name.clone(), path.clone(), Origin::Wheel));
            claimed.insert(path);
        }
    }
    let root = Store::models(&settings.own_cache);
    for folder in folders(&root)? {
        let files = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        let paths = files.map(|file| file.path()).filter(|path| path.is_file());
        let ggufs = paths.filter(|path| path.extension().is_some_and(is_gguf));
        for path in ggufs.filter(|path| !claimed.contains(path)) {
            models.extend(describe(path.display().to_string(), path, Origin::Wheel));
        }
    }
    Ok(models)
}

/// The GGUF files that lie in the user's own folder.
fn in_folder(settings: &Settings, folder: &Path) -> Result<Vec<InstalledModel>, HubError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(HubError::ModelsUnlisted { path: folder.to_path_buf(), source });
        }
    };
    let files = entries.flatten().filter(|entry| entry.path().is_file());
    let files: Vec<String> =
        files.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let described = ggufs(&files).into_iter().filter_map(|parts| {
        let path = folder.join(parts.first()?);
        let is_this = |alias: &&Alias| in_models_dir(settings, alias).as_ref() == Some(&path);
        let alias = settings.registry.iter().find(is_this);
        let name = alias.map_or_else(|| path.display().to_string(), |alias| alias.name.clone());
        describe_split(name, folder, &parts, Origin::Folder)
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
    if let Ok(Selection::Folder { .. }) = choose(repo, &files, None) {
        let whole = named(None);
        if let Ok(Some(path)) = cache.find(&whole) {
            models.extend(describe(whole.to_string(), path, Origin::Hub));
        }
    }
    for parts in ggufs(&files) {
        let Some(file) = parts.first() else { continue };
        let alias = settings.registry.of_file(repo, file);
        let alias = alias.filter(|alias| [revision, commit].contains(&alias.revision.as_str()));
        let name =
            alias.map_or_else(|| named(Some(file.clone())).to_string(), |alias| alias.name.clone());
        models.extend(describe_split(name, &snapshot, &parts, Origin::Hub));
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

/// A model in some files of a folder, which the first of them stands for.
fn describe_split(
    name: String,
    folder: &Path,
    parts: &[String],
    origin: Origin,
) -> Option<InstalledModel> {
    let (first, rest) = parts.split_first()?;
    let model = describe(name, folder.join(first), origin)?;
    let rest = rest.iter().filter_map(|part| folder.join(part).metadata().ok());
    let bytes = rest.fold(model.bytes, |sum, metadata| sum.saturating_add(metadata.len()));
    Some(InstalledModel { bytes, ..model })
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
