//! The rows of a data file: read, laid over each other, checked.

use std::collections::{HashMap, HashSet};

use pricket_core::{Capability, ModelInfo, Price};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::limits::{CATALOG_MODELS_MAX, MODEL_NAME_BYTES_MAX};

/// A row as it was written.
pub(super) type RowMap = Map<String, Value>;

/// The format that this build reads.
const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataFile {
    version: u32,
    models: Vec<RowMap>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    provider: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    context_length: Option<usize>,
    max_output_tokens: Option<usize>,
    #[serde(default)]
    capabilities: Vec<Capability>,
    price: Option<Price>,
}

/// The rows of `base` with those of a text laid over them. Errors: why the text is refused.
pub(super) fn overlay(base: &[RowMap], json: &str) -> Result<Vec<RowMap>, String> {
    let file: DataFile = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if file.version != VERSION {
        return Err(format!("it has the version {}, this build reads {VERSION}", file.version));
    }
    let mut rows = base.to_vec();
    let mut places: HashMap<_, _> =
        rows.iter().enumerate().map(|(at, row)| (model_key(row), at)).collect();
    let mut seen = HashSet::new();
    for over in file.models {
        let key = model_key(&over);
        if !seen.insert(key.clone()) {
            return Err(format!("{}: it stands here twice; make one row of it", described(&over)));
        }
        let at = *places.entry(key).or_insert(rows.len());
        match rows.get_mut(at) {
            Some(row) => row.extend(over),
            None => rows.push(over),
        }
    }
    if rows.len() > CATALOG_MODELS_MAX {
        return Err(format!("it makes more than {CATALOG_MODELS_MAX} models"));
    }
    for row in &mut rows {
        row.retain(|_, value| !value.is_null());
    }
    Ok(rows)
}

/// The models that rows describe. Errors: the row and the rule that it breaks.
pub(super) fn models(rows: &[RowMap]) -> Result<Vec<ModelInfo>, String> {
    let mut names = HashSet::new();
    let mut models = Vec::with_capacity(rows.len());
    for row in rows {
        let info = model(row).map_err(|reason| format!("{}: {reason}", described(row)))?;
        for name in info.names() {
            let key = (info.provider.as_deref().map(str::to_lowercase), name.to_lowercase());
            if !names.insert(key) {
                return Err(format!("{}: the name `{name}` is taken", described(row)));
            }
        }
        models.push(info);
    }
    Ok(models)
}

fn model(row: &RowMap) -> Result<ModelInfo, String> {
    let row = Row::deserialize(Value::Object(row.clone())).map_err(|error| error.to_string())?;
    for name in std::iter::once(&row.name).chain(&row.aliases) {
        check_model_name(name)?;
    }
    if let Some(provider) = &row.provider {
        check_model_name(provider)?;
        if provider.contains('/') {
            return Err(format!("the provider `{provider}` has a `/` in its name"));
        }
    }
    if row.context_length == Some(0) || row.max_output_tokens == Some(0) {
        return Err("a limit of 0 tokens; leave out what is not known".to_owned());
    }
    Ok(ModelInfo {
        provider: row.provider,
        aliases: row.aliases,
        context_length: row.context_length,
        max_output_tokens: row.max_output_tokens,
        capabilities: row.capabilities.into_iter().collect(),
        price: row.price,
        ..ModelInfo::new(row.name)
    })
}

/// A name that can be typed and shown.
pub(crate) fn check_model_name(name: &str) -> Result<(), String> {
    let plain = name.chars().all(|c| !c.is_control() && !c.is_whitespace());
    if name.is_empty() || name.len() > MODEL_NAME_BYTES_MAX || !plain {
        let short: String = name.chars().take(60).collect();
        let name = short.escape_debug();
        return Err(format!("`{name}` is empty, longer than 128 bytes, or has a space in it"));
    }
    Ok(())
}

/// What two rows about the same model have in common: provider and name, in lower case.
fn model_key(row: &RowMap) -> [String; 2] {
    ["provider", "name"]
        .map(|key| row.get(key).and_then(Value::as_str).unwrap_or_default().to_lowercase())
}

fn described(row: &RowMap) -> String {
    let text = |key: &str| row.get(key).and_then(Value::as_str).map(str::to_owned);
    match (text("provider"), text("name")) {
        (Some(provider), Some(name)) => format!("the model `{provider}/{name}`"),
        (None, Some(name)) => format!("the model `{name}`"),
        _ => "a model without a name".to_owned(),
    }
}
