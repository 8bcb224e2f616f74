//! `tokenizer_config.json`: which tokens have a role.

use serde_json::Value;

use crate::error::{Result, malformed, within};
use crate::limits::TOKENIZER_JSON_BYTES_MAX;

const FILE: &str = "tokenizer_config.json";

/// Reads the file's bytes, which are an object.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value> {
    within("tokenizer_config.json in bytes", bytes.len(), TOKENIZER_JSON_BYTES_MAX)?;
    let file: Value =
        serde_json::from_slice(bytes).map_err(|error| malformed(FILE, error.to_string()))?;
    if file.is_object() { Ok(file) } else { Err(malformed(FILE, "it is no JSON object")) }
}

/// The fields that matter here.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) bos: Option<String>,
    pub(crate) eos: Option<String>,
    pub(crate) unk: Option<String>,
    pub(crate) pad: Option<String>,
    pub(crate) add_bos: bool,
    pub(crate) add_eos: bool,
    /// What the model is given, where the file says so.
    inputs: Option<Vec<String>>,
}

impl Config {
    /// Takes the fields out of the file's object.
    pub(crate) fn of(file: &Value) -> Self {
        // A token is a text, or an object with the text in `content`.
        let token = |name: &str| {
            let value = &file[name];
            value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned)
        };
        Self {
            bos: token("bos_token"),
            eos: token("eos_token"),
            unk: token("unk_token"),
            pad: token("pad_token"),
            add_bos: file["add_bos_token"] == true,
            add_eos: file["add_eos_token"] == true,
            inputs: file["model_input_names"]
                .as_array()
                .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        }
    }

    /// Whether the model is told which kind each token is of; it is where the file names no inputs.
    pub(super) fn tells_kinds(&self) -> bool {
        self.inputs.as_ref().is_none_or(|names| names.iter().any(|name| name == "token_type_ids"))
    }

    /// The texts of all tokens that have a role.
    pub(crate) fn named_texts(&self) -> impl Iterator<Item = &str> {
        [&self.bos, &self.eos, &self.unk, &self.pad].into_iter().flatten().map(String::as_str)
    }
}
