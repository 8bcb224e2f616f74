//! Where a folder keeps its chat template.

use std::path::Path;

use serde::Deserialize;

use super::raw;
use crate::ModelError;
use crate::limits::{TEMPLATE_BYTES_MAX, TOKENIZER_CONFIG_BYTES_MAX};
use crate::tensor_source::Bytes;

const FILE: &str = "chat_template.jinja";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const PROCESSOR_FILE: &str = "chat_template.json";
const DEFAULT_NAME: &str = "default";

#[derive(Deserialize)]
struct Holder {
    chat_template: Option<Templates>,
}

/// One template, or several by name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Named(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

/// The chat template's source, sought in the order of transformers: a file of its own, the
/// tokenizer's config, a processor's file. Of several named ones it is `default`, or the only one;
/// where neither is there, the folder has no template that can be used without a name.
pub(crate) fn find(folder: &Path) -> Result<Option<String>, ModelError> {
    let file = folder.join(FILE);
    if file.exists() {
        let source = String::from_utf8(Bytes::open(&file)?.read_all(TEMPLATE_BYTES_MAX)?);
        return source
            .map(Some)
            .map_err(|_| ModelError::Config { path: file, why: "it is not UTF-8".to_owned() });
    }
    for name in [TOKENIZER_CONFIG, PROCESSOR_FILE] {
        let path = folder.join(name);
        if !path.exists() {
            continue;
        }
        let json = Bytes::open(&path)?.read_all(TOKENIZER_CONFIG_BYTES_MAX)?;
        let holder: Holder = raw::parse(&path, &json)?;
        if let Some(source) = holder.chat_template.and_then(choose) {
            return bounded(source).map(Some);
        }
    }
    Ok(None)
}

fn choose(templates: Templates) -> Option<String> {
    match templates {
        Templates::One(source) => Some(source),
        Templates::Named(mut list) => {
            let wanted = list.iter().position(|named| named.name == DEFAULT_NAME);
            let place = wanted.or((list.len() == 1).then_some(0))?;
            Some(list.swap_remove(place).template)
        }
    }
}

fn bounded(source: String) -> Result<String, ModelError> {
    if source.len() as u64 > TEMPLATE_BYTES_MAX {
        return Err(ModelError::LimitExceeded {
            what: "the chat template, in bytes,".to_owned(),
            value: source.len() as u64,
            max: TEMPLATE_BYTES_MAX,
        });
    }
    Ok(source)
}
