//! `model.safetensors.index.json`, and that of other files of weights: which holds which tensor.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::ModelError;
use crate::limits::{INDEX_BYTES_MAX, SHARDS_MAX};
use crate::tensor_source::{Bytes, label};

/// Tensors to shards, and the shards in the order of their names.
pub(crate) struct ShardIndex {
    shard_of: BTreeMap<String, usize>,
    pub(crate) files: Vec<String>,
}

#[derive(Deserialize)]
struct RawIndex {
    weight_map: BTreeMap<String, String>,
}

impl ShardIndex {
    /// Reads it; the files that it names end with `suffix`.
    pub(crate) fn read(path: &Path, suffix: &str) -> Result<Self, ModelError> {
        let json = Bytes::open(path)?.read_all(INDEX_BYTES_MAX)?;
        let refused = |why| ModelError::Config { path: path.to_owned(), why };
        let raw: RawIndex =
            serde_json::from_slice(&json).map_err(|error| refused(error.to_string()))?;
        if raw.weight_map.is_empty() {
            return Err(refused("`weight_map` names no tensor".to_owned()));
        }
        let mut files: Vec<String> = raw.weight_map.values().cloned().collect();
        files.sort_unstable();
        files.dedup();
        if let Some(file) = files.iter().find(|file| !is_plain(file, suffix)) {
            let file = label(file);
            return Err(refused(format!("`{file}` is no name of a {suffix} file beside it")));
        }
        if files.len() > SHARDS_MAX {
            return Err(ModelError::LimitExceeded {
                what: format!("the number of shards in {}", path.display()),
                value: files.len() as u64,
                max: SHARDS_MAX as u64,
            });
        }
        let shard_of = raw
            .weight_map
            .into_iter()
            .filter_map(|(tensor, file)| Some((tensor, files.binary_search(&file).ok()?)))
            .collect();
        Ok(Self { shard_of, files })
    }

    /// The shard that the index names for a tensor.
    pub(crate) fn shard_of(&self, tensor: &str) -> Option<usize> {
        self.shard_of.get(tensor).copied()
    }

    /// All tensors that the index names.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &str> {
        self.shard_of.keys().map(String::as_str)
    }
}

/// Whether a name stays inside its folder on every platform.
fn is_plain(file: &str, suffix: &str) -> bool {
    file.strip_suffix(suffix).is_some_and(|stem| !stem.is_empty())
        && !file.contains(['/', '\\', ':', '\0'])
}
