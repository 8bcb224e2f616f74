//! A vocabulary by its file, and the config beside it.

use std::path::Path;

use super::Tokenizer;
use crate::error::{Result, TokenizerError, within};
use crate::limits::TOKENIZER_JSON_BYTES_MAX;

/// The name of a file of ranks; any other is a `tokenizer.json`.
const RANKS_FILE: &str = "tiktoken.model";

impl Tokenizer {
    /// Reads a `tokenizer.json`, or a file named `tiktoken.model`, and the `tokenizer_config.json`
    /// beside it where there is one.
    ///
    /// # Errors
    /// [`TokenizerError::Read`], and those of [`Tokenizer::from_tokenizer_json`] and
    /// [`Tokenizer::from_tiktoken`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = read(path)?;
        let config = match read(&path.with_file_name("tokenizer_config.json")) {
            Ok(bytes) => Some(bytes),
            Err(TokenizerError::Read { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        if path.file_name().is_some_and(|name| name == RANKS_FILE) {
            return Self::from_tiktoken(&bytes, config.as_deref());
        }
        Self::from_tokenizer_json(&bytes, config.as_deref())
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let error = |source| TokenizerError::Read { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(error)?.len();
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    within("the file's size in bytes", size, TOKENIZER_JSON_BYTES_MAX)?;
    std::fs::read(path).map_err(error)
}
