//! The configuration file: where it is, and what it says.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricket::hub::{ModelRef, Registry, Rule};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::entry::Entry;
use super::environment::Environment;
use super::kind::Kind;
use super::models::{self, Models};
use super::origin::{Mistake, Mistakes, Origin};
use super::setting::Setting;
use super::suggestion::{did_you_mean, nearest};
use super::table::TABLE;
use super::value::{Value, cut, short};
use crate::error::CliError;
use crate::limits::{
    CONFIG_BYTES_MAX, MISTAKE_SENTENCE_CHARS_MAX, MISTAKES_KEPT_MAX, MISTAKES_TOLD_MAX,
};

/// Which file is the configuration.
#[derive(Debug, Clone)]
pub(crate) enum Location {
    /// One that the user named; it must be there.
    Named(PathBuf),
    /// The usual one, which may be absent.
    Usual(PathBuf),
    /// None: `PRICKET_CONFIG` is empty, or there is no home.
    Nowhere,
}

impl Location {
    /// What `--config` names, else `PRICKET_CONFIG`, else `pricket/config.toml` in the user's
    /// folder of configurations.
    pub(crate) fn find(flag: Option<&Path>, environment: &Environment) -> Self {
        match (flag, environment.get("PRICKET_CONFIG")) {
            (Some(path), _) => Self::Named(path.to_path_buf()),
            (None, Some(path)) if path.is_empty() => Self::Nowhere,
            (None, Some(path)) => Self::Named(PathBuf::from(path)),
            (None, None) => {
                let folder = environment.absolute("XDG_CONFIG_HOME").map(Path::to_path_buf);
                let platforms = || Some(directories::BaseDirs::new()?.config_dir().to_path_buf());
                folder
                    .or_else(platforms)
                    .map_or(Self::Nowhere, |dir| Self::Usual(dir.join("pricket/config.toml")))
            }
        }
    }

    /// The file's path.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Named(path) | Self::Usual(path) => Some(path),
            Self::Nowhere => None,
        }
    }

    /// The file's text; `None` where there is none and none must be. Errors: the file was named and
    /// is absent, it cannot be read, it is too long or no UTF-8.
    pub(super) fn read(&self) -> Result<Option<(PathBuf, String)>, CliError> {
        let Some(path) = self.path() else { return Ok(None) };
        let what = || format!("the configuration {}", path.display());
        let absent = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        };
        let file = match File::open(path) {
            Err(error) if absent(&error) && matches!(self, Self::Usual(_)) => return Ok(None),
            opened => opened.map_err(|source| CliError::FileRead { what: what(), source })?,
        };
        let mut bytes = Vec::new();
        file.take(CONFIG_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| CliError::FileRead { what: what(), source })?;
        if bytes.len() as u64 > CONFIG_BYTES_MAX {
            return Err(CliError::ConfigTooLong { path: path.to_path_buf() });
        }
        let text = String::from_utf8(bytes).map_err(|_| CliError::InputNotUtf8 { what: what() })?;
        Ok(Some((path.to_path_buf(), text)))
    }
}

/// A file's text on its way to values; mistakes are gathered, so that all are told at once.
pub(super) struct Reader<'a> {
    path: Arc<str>,
    text: &'a str,
    folder: PathBuf,
    home: Option<&'a Path>,
    /// What is wrong, and at which byte.
    mistakes: Vec<(usize, String)>,
    /// How many mistakes were not kept.
    more: usize,
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// The settings that it sets.
    pub(super) entries: Vec<(&'static Setting, Entry)>,
    /// What it says about models.
    pub(super) models: Models,
}

impl<'a> Reader<'a> {
    /// For the text of a file at a path; paths in it are relative to its folder.
    pub(super) fn new(path: &Path, text: &'a str, environment: &'a Environment) -> Self {
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let path = Arc::from(path.display().to_string());
        Self { path, text, folder, home: environment.home(), mistakes: Vec::new(), more: 0 }
    }

    /// What the file says. Where it is no TOML, only that is told: the rest would be guesses.
    pub(super) fn read(&mut self) -> Content {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            // Its `Display` would show the line, which may hold a secret.
            let at = error.span().map_or(0, |span| span.start);
            self.mistake(at, error.message());
        }
        let mut content = Content::default();
        if !errors.is_empty() {
            return content;
        }
        for (key, value) in document.get_ref() {
            let at = key.span().start;
            match (key.get_ref().as_ref(), value.get_ref()) {
                (models::ALIAS, _) => content.models.read_aliases(value, self),
                (models::RULE, _) => content.models.read_rules(value, self),
                (section, DeValue::Table(table)) if is_section(section) => {
                    self.section(section, table, &mut content);
                }
                (section, _) if is_section(section) => {
                    self.mistake(at, &format!("{section}: it must be a table"));
                }
                (name, _) => self.unknown(at, name, None),
            }
        }
        content
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>, content: &mut Content) {
        for (key, value) in table {
            let name = key.get_ref();
            let here = |setting: &&Setting| setting.section() == section && setting.name() == name;
            let Some(setting) = TABLE.iter().find(here) else {
                self.unknown(key.span().start, name, Some(section));
                continue;
            };
            let Some(read) = read_value(setting.kind, value) else {
                let secret = setting.kind.is_secret();
                let shown = if secret { "the value".into() } else { shown(value.get_ref()) };
                let wanted = setting.kind.wanted_in_file();
                let what = format!("{}: {shown} is not {wanted}", setting.key);
                self.mistake(value.span().start, &what);
                continue;
            };
            let value = self.placed(setting.kind, read);
            let entry = Entry { value, origin: self.origin(key.span().start) };
            content.entries.push((setting, entry));
        }
    }

    /// A key that nobody knows: it may belong to another section, or be mistyped.
    fn unknown(&mut self, at: usize, name: &str, section: Option<&str>) {
        let elsewhere = TABLE.iter().find(|setting| setting.name() == name);
        let meant = match (elsewhere, section) {
            (Some(setting), _) => Some(setting.key.to_owned()),
            (None, Some(section)) => {
                let own = TABLE.iter().filter(|setting| setting.section() == section);
                nearest(name, own.map(Setting::name)).map(|near| format!("{section}.{near}"))
            }
            (None, None) => {
                let sections =
                    TABLE.iter().map(Setting::section).chain([models::ALIAS, models::RULE]);
                nearest(name, sections)
            }
        };
        let key = section.map_or_else(|| name.to_owned(), |section| format!("{section}.{name}"));
        self.mistake(at, &format!("{}: unknown{}", short(&key), did_you_mean(meant)));
    }

    /// Remembers a mistake at a byte of the text. Its sentence may quote the file, and not too much
    /// of it.
    pub(super) fn mistake(&mut self, at: usize, what: &str) {
        if self.mistakes.len() < MISTAKES_KEPT_MAX {
            self.mistakes.push((at, cut(what, MISTAKE_SENTENCE_CHARS_MAX)));
        } else {
            self.more += 1;
        }
    }

    /// What is wrong, in the order of the file.
    pub(super) fn mistakes(mut self) -> Mistakes {
        self.mistakes.sort_by_key(|&(at, _)| at);
        let more = self.more + self.mistakes.len().saturating_sub(MISTAKES_TOLD_MAX);
        let told = self
            .mistakes
            .iter()
            .take(MISTAKES_TOLD_MAX)
            .map(|(at, what)| Mistake { origin: self.origin(*at), what: what.clone() });
        Mistakes { told: told.collect(), more }
    }

    /// The place of a byte of the text.
    pub(super) fn origin(&self, at: usize) -> Origin {
        Origin::in_file(&self.path, self.text, at)
    }

    /// A value as the file means it: paths are placed, and so is a model that is written as one.
    fn placed(&self, kind: Kind, value: Value) -> Value {
        match (kind, value) {
            (_, Value::Path(path)) if !path.as_os_str().is_empty() => {
                let (folder, rest) = self.start(&path);
                Value::Path(folder.join(rest))
            }
            (Kind::Model, Value::Text(text)) if is_path(&text) => {
                let (folder, rest) = self.start(Path::new(&text));
                Value::Text(folder.join(rest).display().to_string())
            }
            (_, other) => other,
        }
    }

    /// The target of a rule as the file means it: one that is written as a path is placed. Where it
    /// begins with what the pattern captures, that decides what it is.
    pub(super) fn placed_target(&self, target: String) -> String {
        if !is_path(&target) || target.starts_with('$') {
            return target;
        }
        let (folder, rest) = self.start(Path::new(&target));
        // In a target a dollar sign stands for itself where it is doubled.
        let folder = folder.display().to_string().replace('$', "$$");
        Path::new(&folder).join(rest).display().to_string()
    }

    /// Where a path of the file begins, and the rest of it: `~/` is the home, and what is relative
    /// begins at the file's folder.
    fn start<'p>(&'p self, path: &'p Path) -> (&'p Path, &'p Path) {
        match path.strip_prefix("~").ok().zip(self.home) {
            Some((rest, home)) => (home, rest),
            None => (&self.folder, path),
        }
    }
}

/// Whether a model is written as a path, as the hub reads names.
fn is_path(model: &str) -> bool {
    matches!(ModelRef::parse(model, &Registry::empty()), Ok((_, Rule::PathLike)))
}

fn is_section(name: &str) -> bool {
    TABLE.iter().any(|setting| setting.section() == name)
}

fn read_value(kind: Kind, value: &Spanned<DeValue<'_>>) -> Option<Value> {
    match (kind, value.get_ref()) {
        (Kind::Switch, DeValue::Boolean(on)) => Some(Value::Switch(*on)),
        (Kind::Count { .. } | Kind::Number(_) | Kind::Size, DeValue::Integer(number)) => {
            let decimal = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
            kind.parse(&decimal.to_string())
        }
        (Kind::Number(_), DeValue::Float(number)) => kind.parse(number.as_str()),
        (Kind::Texts | Kind::Each(_), DeValue::Array(items)) => {
            let texts = items.iter().map(|item| item.get_ref().as_str());
            let texts = texts.map(|text| text.filter(|text| kind.parse(text).is_some()));
            let texts = texts.map(|text| text.map(str::to_owned));
            texts.collect::<Option<Vec<_>>>().map(Value::Texts)
        }
        (
            Kind::Text { .. }
            | Kind::Texts
            | Kind::Each(_)
            | Kind::Samplers
            | Kind::Path { .. }
            | Kind::Model
            | Kind::Filter
            | Kind::Choice(_)
            | Kind::Size
            | Kind::Secret,
            DeValue::String(text),
        ) => kind.parse(text),
        _ => None,
    }
}

/// A value as the file has it, not too much of it.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => short(&format!("{text:?}")),
        DeValue::Integer(number) => short(&number.to_string()),
        DeValue::Float(number) => short(&number.to_string()),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(_) => "this list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
