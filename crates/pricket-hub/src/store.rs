//! Our own cache: files that came out of wheels, which have no place in the hub's layout.
//!
//! `models/NAME/FILE`, `locks/NAME.lock`, and `staging/NAME/` while something is being made.

use std::path::{Path, PathBuf};

use crate::Alias;

/// The places of one alias. A name is made of letters, digits and `:._-` and begins with a letter
/// or digit, so it is a file name once the colon, which Windows forbids, is a `+`.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
    slug: String,
    file: String,
}

impl Store {
    pub(crate) fn new(own_cache: &Path, alias: &Alias) -> Self {
        Self {
            root: own_cache.to_path_buf(),
            slug: alias.name.to_ascii_lowercase().replace(':', "+"),
            file: alias.file_name().to_owned(),
        }
    }

    /// The folder in which every alias has one.
    pub(crate) fn models(own_cache: &Path) -> PathBuf {
        own_cache.join("models")
    }

    pub(crate) fn dir(&self) -> PathBuf {
        Self::models(&self.root).join(&self.slug)
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.dir().join(&self.file)
    }

    pub(crate) fn partial(&self) -> PathBuf {
        self.dir().join(format!("{}.incomplete", self.file))
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("locks").join(format!("{}.lock", self.slug))
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.root.join("staging").join(&self.slug)
    }

    /// The file, if it is there in its full length. An alias without a wheel has none here: a file
    /// of its name came for another alias, whose place it took.
    pub(crate) fn find(&self, alias: &Alias) -> Option<PathBuf> {
        alias.wheel.as_ref()?;
        let target = self.target();
        let metadata = target.metadata().ok()?;
        let fits = alias.bytes.is_none_or(|bytes| bytes == metadata.len());
        (metadata.is_file() && fits).then_some(target)
    }
}
