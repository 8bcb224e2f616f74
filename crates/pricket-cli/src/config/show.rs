//! `pricket config show`: every value, and where it came from.

use pricket::hub::{Alias, Hub};
use pricket::simd::default_threads;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::Config;
use super::entry::Entry;
use super::origin::Origin;
use super::setting::{Setting, Unset};
use super::table::{self, TABLE};
use super::value::Value;
use crate::args::ConfigShowArgs;
use crate::error::CliError;
use crate::terminal::Terminal;
use crate::{chat, locate, table as text_table};

/// What a setting comes to.
struct Line {
    setting: &'static Setting,
    value: Option<Value>,
    /// What holds where there is no value.
    words: &'static str,
    origin: String,
    layer: &'static str,
}

/// Tells every value.
pub(super) fn show(
    args: &ConfigShowArgs,
    config: &Config,
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    // A hub that cannot be set up is told by `check`, and here by what is known without it.
    let hub = locate::hub(config).ok();
    let lines: Vec<Line> =
        TABLE.iter().map(|setting| line(setting, config, hub.as_ref())).collect();
    if args.json {
        return terminal.json_pretty(&as_json(&lines, config, args.origin));
    }
    let mut rows: Vec<[String; 3]> = lines.iter().map(row).collect();
    for (alias, origin) in config.models().aliases() {
        rows.push([format!("alias {}", alias.name), stands_for(alias), origin.to_string()]);
    }
    for (rule, origin) in config.models().rules() {
        let key = format!("rule {}", rule.pattern);
        rows.push([key, rule.target.clone(), origin.to_string()]);
    }
    if args.origin {
        return terminal.line(text_table::columns(&rows));
    }
    let rows: Vec<[String; 2]> = rows.into_iter().map(|[key, value, _]| [key, value]).collect();
    terminal.line(text_table::columns(&rows))
}

fn line(setting: &'static Setting, config: &Config, hub: Option<&Hub>) -> Line {
    let set = config.entries.get(setting.key).cloned();
    let standing = || {
        let value = standing(setting, config, hub)?;
        Some(Entry { value, origin: Origin::Default })
    };
    let entry = set.or_else(standing);
    let words = match setting.unset {
        Unset::Model => "the model decides",
        Unset::Words(words) | Unset::Text(words) => words,
        Unset::Off | Unset::Nothing => "none",
    };
    let origin = entry.as_ref().map_or(&Origin::Default, |entry| &entry.origin);
    let (origin, layer) = (origin.to_string(), origin.layer());
    Line { setting, value: entry.map(|entry| entry.value), words, origin, layer }
}

/// What holds where nobody set it, as far as it can be known before a model is open.
fn standing(setting: &Setting, config: &Config, hub: Option<&Hub>) -> Option<Value> {
    match setting.unset {
        Unset::Text(text) => Some(Value::Text(text.to_owned())),
        Unset::Off => Some(Value::Switch(false)),
        _ if setting.key == table::THREADS.key => Some(Value::Count(default_threads() as u64)),
        _ if setting.key == table::HISTORY.key => chat::history_path(config).map(Value::Path),
        _ if setting.key == table::CACHE.key => {
            hub.map(|hub| Value::Path(hub.own_cache().to_path_buf()))
        }
        _ if setting.key == table::SHARED_CACHE.key => {
            hub.map(|hub| Value::Path(hub.hub_cache().to_path_buf()))
        }
        _ => None,
    }
}

fn row(line: &Line) -> [String; 3] {
    let value = match &line.value {
        // A text of several lines, or with blanks at its rim, would not stay in its column.
        Some(Value::Text(text)) if text.trim() != text || text.contains(char::is_control) => {
            format!("{text:?}")
        }
        Some(Value::Text(text)) if text.is_empty() => "(none)".to_owned(),
        Some(Value::Path(path)) if path.as_os_str().is_empty() => "(none)".to_owned(),
        Some(value) => value.to_string(),
        None => format!("({})", line.words),
    };
    [line.setting.key.to_owned(), value, line.origin.clone()]
}

/// The file that an alias stands for, as MODEL would name it.
fn stands_for(alias: &Alias) -> String {
    let revision = match alias.revision.as_str() {
        "main" => String::new(),
        revision => format!("@{revision}"),
    };
    format!("hf:{}{revision}/{}", alias.repo, alias.file)
}

/// The settings by section, as in the file; `null` where nothing is set.
fn as_json(lines: &[Line], config: &Config, with_origin: bool) -> Json {
    let mut sections = Map::new();
    for line in lines {
        let value = line.value.as_ref().map_or(Json::Null, Value::json);
        let told = if with_origin {
            json!({ "value": value, "layer": line.layer, "origin": line.origin })
        } else {
            value
        };
        let section = sections.entry(line.setting.section()).or_insert_with(|| json!({}));
        if let Json::Object(section) = section {
            section.insert(line.setting.name().to_owned(), told);
        }
    }
    sections.insert("alias".to_owned(), list(config.models().aliases(), with_origin));
    sections.insert("rule".to_owned(), list(config.models().rules(), with_origin));
    Json::Object(sections)
}

fn list<T: Serialize>(items: &[(T, Origin)], with_origin: bool) -> Json {
    let told = items.iter().map(|(item, origin)| {
        if with_origin {
            json!({ "value": item, "layer": origin.layer(), "origin": origin.to_string() })
        } else {
            json!(item)
        }
    });
    told.collect()
}
