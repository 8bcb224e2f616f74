//! The files of a model: which there are at a path, and what their headers say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::blueprint::Blueprint;
use crate::folder::HfFolder;
use crate::gguf::{GgufFile, is_later_part};
use crate::{ModelError, TensorSource, TextAssets, ZippedTensors, arch, encoder};

/// The files of a model, of which the headers have been read: what to make a tokenizer from while
/// [`load`](ModelFiles::load) reads the weights.
#[derive(Debug)]
pub struct ModelFiles {
    /// Shared with a model whose experts stay in the files.
    pub(crate) found: Arc<Found>,
    pub(crate) path: PathBuf,
}

/// What a path holds.
#[derive(Debug)]
pub(crate) enum Found {
    Gguf(GgufFile),
    Folder(Box<HfFolder>),
}

impl ModelFiles {
    /// Looks at a path: a GGUF file, or any of those that a model is split into; a folder with a
    /// `config.json` and weights (safetensors, or else what torch or numpy saved); a file of such a
    /// folder; or a folder with one GGUF model.
    ///
    /// # Errors
    /// Whatever is wrong with the headers is named: see [`ModelError`].
    pub fn at(path: &Path) -> Result<Self, ModelError> {
        Ok(Self { found: Arc::new(Found::at(path)?), path: path.to_owned() })
    }

    /// What they say about text.
    ///
    /// # Errors
    /// As [`ModelFiles::at`].
    pub fn text_assets(&self) -> Result<TextAssets, ModelError> {
        self.found.text_assets()
    }
}

impl Found {
    /// As [`ModelFiles::at`].
    pub(crate) fn at(path: &Path) -> Result<Self, ModelError> {
        let not_found = |why: &str| ModelError::NotFound { path: path.into(), why: why.into() };
        let meta = std::fs::metadata(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => not_found("there is no such file or folder"),
            _ => ModelError::Read { path: path.into(), source },
        })?;
        if meta.is_file() {
            let name = path.file_name().unwrap_or_default();
            let of_folder = name == "config.json"
                || path.extension().is_some_and(|extension| extension == "safetensors");
            return match path.parent() {
                Some(parent) if of_folder => HfFolder::open(parent, parent).map(Self::folder),
                Some(parent) if ZippedTensors::is_named(path) => {
                    HfFolder::open(parent, ZippedTensors::place_of(path)).map(Self::folder)
                }
                _ => GgufFile::open(path).map(Self::Gguf),
            };
        }
        if path.join("config.json").is_file() {
            return HfFolder::open(path, path).map(Self::folder);
        }
        GgufFile::open(&gguf_of(path)?).map(Self::Gguf)
    }

    fn folder(folder: HfFolder) -> Self {
        Self::Folder(Box::new(folder))
    }

    pub(crate) fn source(&self) -> &dyn TensorSource {
        match self {
            Self::Gguf(file) => file,
            Self::Folder(folder) => folder.tensors(),
        }
    }

    pub(crate) fn blueprint(&self) -> Result<Blueprint, ModelError> {
        match self {
            Self::Gguf(file) => match file.architecture()? {
                name if encoder::runs_gguf(name) => Err(encoder::encodes(name)),
                _ => arch::from_gguf(file),
            },
            Self::Folder(folder) => arch::from_config(folder.config()),
        }
    }

    pub(crate) fn text_assets(&self) -> Result<TextAssets, ModelError> {
        match self {
            Self::Gguf(file) => file.text_assets(),
            Self::Folder(folder) => folder.text_assets(),
        }
    }
}

/// The one GGUF model of a folder: its file, or the first of those that it is split into.
///
/// # Errors
/// [`ModelError::NotFound`] where there is none, or more than one.
pub(crate) fn gguf_of(folder: &Path) -> Result<PathBuf, ModelError> {
    let unreadable = |source| ModelError::Read { path: folder.into(), source };
    let not_found = |why: &str| ModelError::NotFound { path: folder.into(), why: why.into() };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "gguf") {
            files.push(path);
        }
    }
    files.sort();
    let models: Vec<_> = files.iter().filter(|file| !is_later_part(file)).collect();
    match (models.as_slice(), files.first()) {
        ([model], _) => Ok(PathBuf::from(model)),
        // Parts without their first: which one is missing is told when the model is opened.
        ([], Some(part)) => Ok(part.clone()),
        ([], None) => Err(not_found("the folder holds no config.json and no GGUF file")),
        (more, _) => {
            Err(not_found(&format!("the folder holds {} GGUF models; name one", more.len())))
        }
    }
}

/// What a model's files say about text, without its weights: the same paths as
/// [`open`](crate::open) takes.
///
/// # Errors
/// Whatever is wrong with the files is named: see [`ModelError`].
pub fn text_assets(path: &Path) -> Result<TextAssets, ModelError> {
    Found::at(path)?.text_assets()
}
