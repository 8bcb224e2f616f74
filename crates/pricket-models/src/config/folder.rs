//! What a checkpoint folder says about text.

use std::path::Path;

use super::template;
use crate::{GenerationDefaults, HfConfig, ModelError, TextAssets, Vocabulary};

/// The vocabularies that can be read, the model's own before one that was made from it: copies of
/// `tiktoken.model` as `tokenizer.json` are known to number special tokens anew.
const VOCABULARIES: [&str; 2] = ["tiktoken.model", "tokenizer.json"];
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const GENERATION_CONFIG: &str = "generation_config.json";

impl TextAssets {
    /// Reads what a checkpoint folder says about text. Where `generation_config.json` does not say
    /// which tokens end an answer, `config` does, as in transformers.
    ///
    /// # Errors
    /// [`ModelError::Config`] and [`ModelError::LimitExceeded`] for a file that is there and wrong;
    /// files that are absent are no error.
    pub fn from_folder(folder: &Path, config: &HfConfig) -> Result<Self, ModelError> {
        let generation_config = folder.join(GENERATION_CONFIG);
        let mut generation = if generation_config.exists() {
            GenerationDefaults::read(&generation_config)?
        } else {
            GenerationDefaults::default()
        };
        if generation.eos_ids.is_empty()
            && let Some(ids) = &config.eos_token_id
        {
            generation.eos_ids = ids.iter().copied().collect();
        }
        let tokenizer = VOCABULARIES.map(|name| folder.join(name)).into_iter().find(|f| f.exists());
        let vocabulary = tokenizer.map(|tokenizer| Vocabulary::HuggingFace {
            tokenizer,
            config: Some(folder.join(TOKENIZER_CONFIG)).filter(|config| config.exists()),
        });
        Ok(Self { vocabulary, chat_template: template::find(folder)?, generation })
    }
}
