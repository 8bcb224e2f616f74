//! An encoder's files: a folder as transformers and sentence-transformers write it, or a GGUF file.

use std::path::{Path, PathBuf};

use super::blueprint::EncoderBlueprint;
use super::config;
use super::recipe::EmbeddingRecipe;
use crate::checkpoint::Checkpoint;
use crate::files::gguf_of;
use crate::gguf::GgufFile;
use crate::{GenerationDefaults, ModelError, TensorSource, TextAssets, Vocabulary, ZippedTensors};

/// The files, of which the headers have been read.
#[derive(Debug)]
pub(super) struct EncoderFiles {
    /// What the path means.
    pub(super) path: PathBuf,
    pub(super) source: Box<dyn TensorSource>,
    pub(super) blueprint: EncoderBlueprint,
    pub(super) recipe: EmbeddingRecipe,
    pub(super) text: TextAssets,
}

impl EncoderFiles {
    /// Looks at a path.
    ///
    /// # Errors
    /// Whatever is wrong with the headers is named: see [`ModelError`].
    pub(super) fn at(path: &Path) -> Result<Self, ModelError> {
        if path.is_dir() {
            let is_checkpoint =
                ["config.json", "modules.json"].iter().any(|name| path.join(name).exists());
            return match gguf_of(path) {
                Ok(file) if !is_checkpoint => Self::of_gguf(&file),
                _ => Self::of_folder(path),
            };
        }
        let is_gguf = path.extension().is_some_and(|extension| extension == "gguf");
        match folder_of(path) {
            Some(folder) => Self::of_folder(folder),
            None if is_gguf && path.is_file() => Self::of_gguf(path),
            None => {
                let exists = path.exists();
                let why = if exists {
                    "an encoder is a GGUF file, or a folder with config.json and weights, and \
                     this is another file"
                } else {
                    "there is no such file or folder"
                };
                Err(ModelError::NotFound { path: path.to_owned(), why: why.to_owned() })
            }
        }
    }

    fn of_folder(folder: &Path) -> Result<Self, ModelError> {
        let recipe = EmbeddingRecipe::read(folder)?;
        let blueprint = config::read(&recipe.transformer.join("config.json"))?;
        let source = Checkpoint::at(&recipe.transformer)?.into_source();
        let text = text_assets(&recipe.transformer);
        Ok(Self { path: folder.to_owned(), source, blueprint, recipe, text })
    }

    /// Such a file says nothing of prompts and of the vectors' length, which is 1 in what reads
    /// such files.
    fn of_gguf(path: &Path) -> Result<Self, ModelError> {
        let file = GgufFile::open(path)?;
        let blueprint = config::gguf::blueprint(&file)?;
        let recipe = EmbeddingRecipe {
            transformer: path.to_owned(),
            pooling: config::gguf::pooling(&file)?,
            normalize: true,
            ..EmbeddingRecipe::default()
        };
        let text = file.text_assets()?;
        Ok(Self { path: path.to_owned(), source: Box::new(file), blueprint, recipe, text })
    }
}

/// The folder that a path means: its own, or that of a file which lies in such folders.
pub(super) fn folder_of(path: &Path) -> Option<&Path> {
    let of_folder = path.file_name().is_some_and(|name| name == "config.json")
        || path.extension().is_some_and(|extension| extension == "safetensors")
        || ZippedTensors::is_named(path);
    match path.parent() {
        _ if path.is_dir() => Some(path),
        Some(parent) if of_folder && path.is_file() => Some(parent),
        _ => None,
    }
}

/// An encoder has a vocabulary, and neither a chat template nor ends of answers.
pub(super) fn text_assets(folder: &Path) -> TextAssets {
    let (tokenizer, config) = (folder.join("tokenizer.json"), folder.join("tokenizer_config.json"));
    let vocabulary = tokenizer
        .exists()
        .then(|| Vocabulary::HuggingFace { tokenizer, config: config.exists().then_some(config) });
    TextAssets { vocabulary, chat_template: None, generation: GenerationDefaults::default() }
}
