//! The hub's cache on disk, in the layout that Python's `huggingface_hub` shares:
//! `models--org--repo/{blobs/ETAG, refs/REVISION, snapshots/COMMIT/FILE -> ../../blobs/ETAG}`, and
//! `.locks/models--org--repo/ETAG.lock` beside it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::client::RemoteFile;
use crate::disk::{discard, make_dir, make_parent};
use crate::limits::{FILES_MAX, LISTING_BYTES_MAX, SNAPSHOT_DEPTH_MAX};
use crate::selection::{SAFETENSORS_INDEX, Selection, TORCH_INDEX, choose, parts};
use crate::{HubError, HubRef};

/// One repository's part of the cache.
#[derive(Debug, Clone)]
pub(crate) struct RepoCache {
    dir: PathBuf,
    locks: PathBuf,
}

#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::HashMap<String, String>,
}

impl RepoCache {
    pub(crate) fn new(hub_cache: &Path, repo: &str) -> Self {
        let folder = format!("models--{}", repo.replace('/', "--"));
        Self { dir: hub_cache.join(&folder), locks: hub_cache.join(".locks").join(folder) }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn blob(&self, etag: &str) -> PathBuf {
        self.dir.join("blobs").join(etag)
    }

    /// The beginning of a blob, under the name that Python gives it too.
    pub(crate) fn partial(&self, etag: &str) -> PathBuf {
        self.dir.join("blobs").join(format!("{etag}.incomplete"))
    }

    pub(crate) fn lock(&self, etag: &str) -> PathBuf {
        self.locks.join(format!("{etag}.lock"))
    }

    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.dir.join("snapshots").join(commit)
    }

    /// The commit that a revision stood for when it was last pulled.
    pub(crate) fn commit_of(&self, revision: &str) -> Option<String> {
        let is_commit =
            |text: &str| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if is_commit(revision) {
            return Some(revision.to_owned());
        }
        let mut text = String::new();
        let file = fs::File::open(self.dir.join("refs").join(revision)).ok()?;
        file.take(64).read_to_string(&mut text).ok()?;
        Some(text.trim().to_owned()).filter(|commit| is_commit(commit))
    }

    /// Where a file or model lies, if all of it is there.
    pub(crate) fn find(&self, wanted: &HubRef) -> Result<Option<PathBuf>, HubError> {
        let Some(commit) = self.commit_of(&wanted.revision) else { return Ok(None) };
        let snapshot = self.snapshot(&commit);
        let named = wanted.file.as_ref().map(|file| snapshot.join(file));
        let named = named.filter(|file| file.is_file());
        let files = files_below(&snapshot);
        // What lies behind a link of a folder is in no listing, and stands for itself.
        if let (Some(file), Some(path)) = (&wanted.file, &named)
            && !files.contains(file)
        {
            return Ok(Some(path.clone()));
        }
        match choose(&wanted.repo, &files, wanted.file.as_deref()) {
            Ok(selection) if is_whole(&snapshot, &selection) => {
                Ok(Some(named.unwrap_or_else(|| selection.path(&snapshot))))
            }
            // What is cached may be a part of what there is: the repository's own listing decides.
            Ok(_)
            | Err(
                HubError::NothingToRun { .. }
                | HubError::NameAmbiguous { .. }
                | HubError::PartMissing { .. },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A file of what a file's name means, where not all of that is there.
    pub(crate) fn find_part(&self, wanted: &HubRef) -> Option<PathBuf> {
        let snapshot = self.snapshot(&self.commit_of(&wanted.revision)?);
        let files = files_below(&snapshot);
        let mut parts = parts(wanted.file.as_deref()?).into_iter();
        parts.find(|part| files.contains(part)).map(|part| snapshot.join(part))
    }

    /// Gives a blob its name in the snapshot of its commit.
    pub(crate) fn link(&self, remote: &RemoteFile) -> Result<PathBuf, HubError> {
        let pointer = self.snapshot(&remote.commit).join(&remote.file);
        if pointer.is_file() {
            return Ok(pointer);
        }
        make_parent(&pointer)?;
        // A link whose blob is gone.
        discard(&pointer)?;
        let ups = "../".repeat(2 + remote.file.matches('/').count());
        let target = PathBuf::from(format!("{ups}blobs/{}", remote.etag));
        match symlink(&target, &self.blob(&remote.etag), &pointer) {
            // Another process was quicker.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(pointer),
            Err(e) => Err(HubError::io("link", pointer, e)),
            Ok(()) => Ok(pointer),
        }
    }

    /// Remembers what a branch or tag stands for.
    pub(crate) fn note(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        if revision == commit {
            return Ok(());
        }
        let path = self.dir.join("refs").join(revision);
        make_parent(&path)?;
        // Beside `refs`, not in it: every file in there is a revision to those who list it.
        let fresh = self.dir.join(format!(".ref-{commit}-{}", std::process::id()));
        fs::write(&fresh, commit).map_err(|e| HubError::io("write", &fresh, e))?;
        fs::rename(&fresh, &path).map_err(|e| HubError::io("rename to", path, e))
    }

    pub(crate) fn prepare(&self) -> Result<(), HubError> {
        make_dir(&self.dir.join("blobs"))
    }
}

/// The relative paths of the files below a folder, sorted, links to files included.
pub(crate) fn files_below(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![(root.to_path_buf(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{prefix}{name}");
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && depth < SNAPSHOT_DEPTH_MAX {
                folders.push((entry.path(), format!("{path}/"), depth + 1));
            } else if !is_folder && entry.path().is_file() && files.len() < FILES_MAX {
                files.push(path);
            }
        }
    }
    files.sort_unstable();
    files
}

/// Whether every shard that the index names is there; without an index, what there is is all.
fn is_whole(snapshot: &Path, selection: &Selection) -> bool {
    let files = selection.files();
    let Some(index) = files.iter().find(|file| is_index(file)) else { return true };
    // An index that cannot be read names nothing that is there.
    read_index(&snapshot.join(index))
        .is_some_and(|read| read.weight_map.values().all(|shard| has_shard(index, shard, files)))
}

/// The path in the repository of a shard that a file names, if it is an index, and that is not
/// among the files. What is wrong with an index is told when the model is opened.
pub(crate) fn missing_shard(path: &Path, file: &str, files: &[String]) -> Option<String> {
    let read = is_index(file).then(|| read_index(path)).flatten()?;
    let missing = read.weight_map.into_values().filter(|shard| !has_shard(file, shard, files));
    missing.min().map(|shard| beside(file, &shard))
}

fn is_index(file: &str) -> bool {
    [SAFETENSORS_INDEX, TORCH_INDEX].iter().any(|end| file.ends_with(end))
}

fn read_index(path: &Path) -> Option<Index> {
    let mut text = Vec::new();
    // An index that is cut here does not parse.
    fs::File::open(path).ok()?.take(LISTING_BYTES_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn has_shard(index: &str, shard: &str, files: &[String]) -> bool {
    files.contains(&beside(index, shard))
}

/// A name beside a file, as a path in the repository.
fn beside(file: &str, name: &str) -> String {
    match file.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    }
}

#[cfg(unix)]
fn symlink(target: &Path, _blob: &Path, pointer: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, pointer)
}

/// Symbolic links need a privilege here; a second name for the same file does not.
#[cfg(not(unix))]
fn symlink(_target: &Path, blob: &Path, pointer: &Path) -> std::io::Result<()> {
    fs::hard_link(blob, pointer)
}
