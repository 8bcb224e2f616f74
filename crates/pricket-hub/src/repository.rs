//! The first source: files of the hub, into the hub's cache.

use std::path::PathBuf;

use crate::client::{Client, RemoteFile};
use crate::digest::{Hash, verify};
use crate::disk::{discard, publish};
use crate::lock::FileLock;
use crate::progress::Reporter;
use crate::selection::{Selection, choose, is_pattern};
use crate::settings::Settings;
use crate::snapshot::{RepoCache, missing_shard};
use crate::transfer::transfer;
use crate::{Alias, HubError, HubRef};

/// Fetches what a reference names. `pinned` is the alias, whose own hash and length then count.
pub(crate) fn fetch(
    settings: &Settings,
    wanted: &HubRef,
    pinned: Option<&Alias>,
    reporter: &mut Reporter,
) -> Result<PathBuf, HubError> {
    let client = Client::new(settings)?;
    let cache = RepoCache::new(&settings.hub_cache, &wanted.repo);
    let exact = wanted.file.as_ref().filter(|file| !is_pattern(file));
    let selection = if let Some(selection) = exact.and_then(|file| Selection::gguf(file)) {
        selection
    } else {
        let files = client.list(&wanted.repo, &wanted.revision)?;
        choose(&wanted.repo, &files, wanted.file.as_deref())?
    };
    let mut commit: Option<String> = None;
    for file in selection.files() {
        reporter.check()?;
        // The first answer settles the commit, so that a push in between mixes nothing.
        let revision = commit.as_deref().unwrap_or(&wanted.revision);
        let mut remote = client.describe(&wanted.repo, revision, file)?;
        if let Some(alias) = pinned.filter(|alias| alias.file == *file) {
            pin(&mut remote, alias)?;
        }
        let path = fetch_file(&client, &cache, &remote, reporter)?;
        // Before the weights come: companions stand first.
        if let Some(part) = missing_shard(&path, file, selection.files()) {
            return Err(HubError::PartMissing { repo: wanted.repo.clone(), part });
        }
        commit = Some(remote.commit);
    }
    let Some(commit) = commit else { return Ok(cache.dir().to_path_buf()) };
    cache.note(&wanted.revision, &commit)?;
    let snapshot = cache.snapshot(&commit);
    Ok(exact.map_or_else(|| selection.path(&snapshot), |file| snapshot.join(file)))
}

/// Refuses a file whose description already contradicts the alias, before a byte of it is fetched,
/// and takes the alias' word where the hub has none.
fn pin(remote: &mut RemoteFile, alias: &Alias) -> Result<(), HubError> {
    if let (Some(want), Some(got)) = (alias.bytes, remote.promise.bytes)
        && want != got
    {
        return Err(HubError::SizeMismatch { file: remote.file.clone(), want, got });
    }
    remote.promise.bytes = remote.promise.bytes.or(alias.bytes);
    let Some(want) = alias.sha256.clone() else { return Ok(()) };
    match &remote.promise.hash {
        Hash::Sha256(got) if want != *got => Err(HubError::HashMismatch {
            file: remote.file.clone(),
            algorithm: "SHA-256",
            want,
            got: got.clone(),
        }),
        _ => {
            remote.promise.hash = Hash::Sha256(want);
            Ok(())
        }
    }
}

fn fetch_file(
    client: &Client<'_>,
    cache: &RepoCache,
    remote: &RemoteFile,
    reporter: &mut Reporter,
) -> Result<PathBuf, HubError> {
    cache.prepare()?;
    let _lock = FileLock::acquire(&cache.lock(&remote.etag), &remote.file, reporter)?;
    let blob = cache.blob(&remote.etag);
    if !is_there(&blob, remote) {
        let partial = cache.partial(&remote.etag);
        let resumed = partial.metadata().is_ok_and(|metadata| metadata.len() > 0);
        let mut outcome = bring(client, remote, &partial, reporter);
        if resumed && matches!(outcome, Err(HubError::HashMismatch { .. })) {
            // The beginning was somebody else's or was damaged by a crash: once more, from nothing.
            tracing::warn!(file = remote.file, "a partial download was damaged, starting over");
            outcome = bring(client, remote, &partial, reporter);
        }
        outcome?;
        publish(&partial, &blob)?;
    }
    cache.link(remote)
}

/// Downloads and checks; what fails the check is deleted.
fn bring(
    client: &Client<'_>,
    remote: &RemoteFile,
    partial: &std::path::Path,
    reporter: &mut Reporter,
) -> Result<(), HubError> {
    transfer(client, remote, partial, reporter)?;
    let outcome = verify(partial, &remote.file, &remote.promise, reporter);
    if matches!(outcome, Err(HubError::HashMismatch { .. } | HubError::SizeMismatch { .. })) {
        discard(partial)?;
    }
    outcome
}

fn is_there(blob: &std::path::Path, remote: &RemoteFile) -> bool {
    let Ok(metadata) = blob.metadata() else { return false };
    metadata.is_file() && remote.promise.bytes.is_none_or(|bytes| bytes == metadata.len())
}
