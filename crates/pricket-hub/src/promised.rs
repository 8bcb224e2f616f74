//! What the files on this machine were promised to be when they came.
//!
//! The hub's cache calls a file by its hash: a SHA-256 for what lies in large file storage, git's
//! hash for small files. Of an alias' file, the alias knows length and hash. Nothing is known of
//! files that somebody else laid down.

use std::fs;
use std::path::{Path, PathBuf};

use crate::digest::{Difference, Hash, Promise, compare};
use crate::locate::{in_models_dir, locate};
use crate::progress::Reporter;
use crate::selection::parts;
use crate::settings::Settings;
use crate::snapshot::files_below;
use crate::store::Store;
use crate::{Alias, HubError, ModelRef};

/// A file of a model on this machine, and what it was promised to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromisedFile {
    /// Its path below the model's folder; of a model in one file its name.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    promise: Promise,
}

impl PromisedFile {
    /// The name of the hash that it was promised to have (`SHA-256`, `git hash`) and its digits,
    /// where one is known.
    pub fn promise(&self) -> Option<(&'static str, &str)> {
        self.promise.hash.known()
    }

    /// Reads it and compares.
    pub(crate) fn verify(&self, reporter: &mut Reporter) -> Result<PathBuf, HubError> {
        let Some(difference) = compare(&self.path, &self.name, &self.promise, reporter)? else {
            return Ok(self.path.clone());
        };
        let (what, want, got) = match difference {
            Difference::Length { want, got } => ("length", want.to_string(), got.to_string()),
            Difference::Hash { algorithm, want, got } => (algorithm, want, got),
        };
        Err(HubError::FileDiffers { path: self.path.clone(), what, want, got })
    }
}

/// The files of a model, by name.
pub(crate) fn files(settings: &Settings, name: &str) -> Result<Vec<PromisedFile>, HubError> {
    let reference = settings.meaning(name)?.reference;
    let Some(path) = locate(settings, &reference)? else {
        return Err(match reference {
            ModelRef::Path(path) => HubError::PathMissing { path },
            _ => HubError::NotCached { name: name.to_owned() },
        });
    };
    let (folder, names) = if path.is_dir() {
        let names = files_below(&path);
        (path, names)
    } else {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        // A part that is not there is told when the model is opened.
        let there = |part: &String| *part == file || folder.join(part).is_file();
        let names = parts(&file).into_iter().filter(there).collect();
        (folder, names)
    };
    let promised = names.into_iter().map(|name| {
        let path = folder.join(&name);
        let promise = promise(settings, &path);
        PromisedFile { name, path, promise }
    });
    Ok(promised.collect())
}

/// What is known of a file: the word of an alias, else its name in the hub's cache.
fn promise(settings: &Settings, path: &Path) -> Promise {
    let is_of = |alias: &&Alias| {
        let own = in_models_dir(settings, alias)
            .or_else(|| Store::new(&settings.own_cache, alias).find(alias));
        own.as_deref() == Some(path)
    };
    match settings.registry.iter().find(is_of) {
        Some(Alias { sha256: Some(sha256), bytes, .. }) => {
            Promise { bytes: *bytes, hash: Hash::Sha256(sha256.clone()) }
        }
        _ => Promise { bytes: None, hash: of_blob(path).unwrap_or(Hash::Unknown) },
    }
}

/// The hash that a file of the hub's cache is called by, whatever name leads to it.
fn of_blob(path: &Path) -> Option<Hash> {
    let blob = fs::canonicalize(path).ok()?;
    let blobs = blob.parent()?;
    let repository = blobs.parent()?.file_name()?.to_str()?;
    let is_cache = blobs.file_name()? == "blobs" && repository.starts_with("models--");
    is_cache.then(|| Hash::of_etag(&blob.file_name().unwrap_or_default().to_string_lossy()))
}
