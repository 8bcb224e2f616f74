//! `modules.json`: the steps from a text to its vector.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::ModelError;
use crate::encoder::json;
use crate::limits::CONFIG_BYTES_MAX;
use crate::tensor_source::label;

/// One step, as it is written.
#[derive(Deserialize)]
struct RawModule {
    path: String,
    #[serde(rename = "type")]
    class: String,
}

/// The folders of the steps, below the model's.
#[derive(Debug, Default)]
pub(super) struct Modules {
    /// Of the transformer; the model's own where there is no `modules.json`.
    pub(super) transformer: PathBuf,
    /// Of the pooling's config.
    pub(super) pooling: Option<PathBuf>,
    /// Whether the last step gives vectors the length 1.
    pub(super) normalize: bool,
}

impl Modules {
    /// Reads a folder's `modules.json`, where there is one.
    pub(super) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("modules.json");
        let raw: Option<Vec<RawModule>> = json::read_if_there(&path, CONFIG_BYTES_MAX)?;
        let Some(raw) = raw else { return Ok(Self::default()) };
        let mut modules = Self::default();
        for (step, module) in raw.iter().enumerate() {
            // The same class has had several homes: only its own name counts.
            let class = module.class.rsplit('.').next().unwrap_or_default();
            let place = inside(&path, &module.path)?;
            match (step, class) {
                (0, "Transformer") => modules.transformer = place,
                (1, "Pooling") => modules.pooling = Some(place),
                (2, "Normalize") => modules.normalize = true,
                _ => {
                    return Err(ModelError::Unsupported {
                        what: format!("`{}` as step {step} of modules.json", label(&module.class)),
                        why: "a Transformer, a Pooling and perhaps a Normalize are run, in this \
                              order"
                            .to_owned(),
                    });
                }
            }
        }
        if modules.pooling.is_none() {
            return Err(json::wrong(&path, "it names no Transformer followed by a Pooling"));
        }
        Ok(modules)
    }
}

/// A path that stays inside the model's folder.
fn inside(file: &Path, path: &str) -> Result<PathBuf, ModelError> {
    let path = Path::new(path);
    if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Ok(path.to_owned());
    }
    let shown = label(&path.display().to_string());
    Err(json::wrong(file, format!("the path `{shown}` leads out of the folder")))
}
