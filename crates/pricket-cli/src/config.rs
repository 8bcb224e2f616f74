//! What the user wants, from everywhere that says so: flags before environment before file before
//! defaults.
//!
//! [`table`] holds the settings as data. A [`Config`] is made once, in `main`, and handed to every
//! command; it never changes, and nothing else reads flags or variables of settings.

mod setting;
mod table;

mod kind;
mod value;

mod entry;
mod origin;

mod environment;
mod file;
mod flags;
mod models;
mod suggestion;

mod sampling;

mod command;
mod example;
mod show;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use pricket::core::ByteSize;

pub(crate) use self::command::command;
pub(crate) use self::environment::Environment;
pub(crate) use self::file::Location;
pub(crate) use self::flags::{Answering, Encoding, Finding, Flags, Logging, Measuring, Sampling};
pub(crate) use self::models::Models;
pub(crate) use self::origin::{Mistakes, Origin};
pub(crate) use self::setting::Setting;
pub(crate) use self::table::{
    BACKEND, CONTEXT, DEFAULT_MODEL, DEVICE, EXPERTS_MEMORY, HISTORY, KV, LOG_FILTER, LOG_FORMAT,
    MAX_TOKENS, MEMORY, QUANTIZE, STOP, SYSTEM, TEMPLATE, THREADS,
};

use self::entry::Entry;
use self::file::Reader;
use self::setting::Unset;
use self::table::{SHARED_CACHE, TABLE, TOKEN};
use self::value::Value;
use crate::error::CliError;

/// What the user wants. It has no `Debug`, because its environment may hold secrets.
pub(crate) struct Config {
    environment: Environment,
    location: Location,
    file: Option<PathBuf>,
    entries: BTreeMap<&'static str, Entry>,
    models: Models,
}

/// Lays variables of the Hugging Face tools over the file that are none of a setting and decide of
/// it all the same: the environment wins over the file.
fn lay_over(entries: &mut BTreeMap<&'static str, Entry>, environment: &Environment) {
    let is_set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let by_file = |entry: Option<&Entry>| entry.is_none_or(|e| e.origin.layer() == "file");
    if let Some(home) = is_set("HF_HOME")
        && by_file(entries.get(SHARED_CACHE.key))
    {
        let value = Value::Path(Path::new(home).join("hub"));
        entries.insert(SHARED_CACHE.key, Entry { value, origin: Origin::Variable("HF_HOME") });
    }
    // The token is in that file, where the hub looks for it.
    if is_set("HF_TOKEN_PATH").is_some() && by_file(entries.get(TOKEN.key)) {
        entries.remove(TOKEN.key);
    }
}

impl Config {
    /// Asks the command line, the environment and the file. Errors: the file cannot be read, or
    /// every mistake in it and in the environment at once.
    pub(crate) fn load(
        location: Location,
        matches: &ArgMatches,
        environment: Environment,
    ) -> Result<Self, CliError> {
        let mut mistakes = Mistakes::default();
        let mut entries = BTreeMap::new();
        let (mut file, mut models) = (None, Models::default());
        if let Some((path, text)) = location.read()? {
            let mut reader = Reader::new(&path, &text, &environment);
            let content = reader.read();
            mistakes = reader.mistakes();
            entries.extend(content.entries.into_iter().map(|(setting, e)| (setting.key, e)));
            models = content.models;
            file = Some(path);
        }
        for setting in &TABLE {
            match environment.value_of(setting) {
                Some(Ok((value, origin))) => {
                    entries.insert(setting.key, Entry { value, origin });
                }
                Some(Err(mistake)) => mistakes.told.push(mistake),
                None => {}
            }
        }
        if !mistakes.told.is_empty() {
            return Err(CliError::Config(mistakes));
        }
        lay_over(&mut entries, &environment);
        entries.extend(flags::given(matches).into_iter().map(|(setting, e)| (setting.key, e)));
        Ok(Self { environment, location, file, entries, models })
    }

    /// What the process was started with.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The value of a setting that somebody set.
    fn value(&self, setting: &Setting) -> Option<&Value> {
        self.entries.get(setting.key).map(|entry| &entry.value)
    }

    /// A text, or the default that the table holds for it; one that is empty is none.
    pub(crate) fn text(&self, setting: &Setting) -> Option<&str> {
        let text = match (self.value(setting), setting.unset) {
            (Some(Value::Text(text)), _) => text,
            (None, Unset::Text(text)) => text,
            _ => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// Texts.
    pub(crate) fn texts(&self, setting: &Setting) -> &[String] {
        match self.value(setting) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// A whole number. What no memory of this machine could count is as much as it can count.
    pub(crate) fn count(&self, setting: &Setting) -> Option<usize> {
        match self.value(setting) {
            Some(Value::Count(count)) => Some(usize::try_from(*count).unwrap_or(usize::MAX)),
            _ => None,
        }
    }

    /// A number of bytes.
    pub(crate) fn size(&self, setting: &Setting) -> Option<u64> {
        match self.value(setting) {
            Some(Value::Size(ByteSize(bytes))) => Some(*bytes),
            _ => None,
        }
    }

    /// A path, also an empty one.
    pub(crate) fn path(&self, setting: &Setting) -> Option<&Path> {
        match self.value(setting) {
            Some(Value::Path(path)) => Some(path),
            _ => None,
        }
    }

    fn number(&self, setting: &Setting) -> Option<f32> {
        match self.value(setting) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// What a variable says once everything was asked: one that belongs to a setting speaks for the
    /// setting, whoever set it. This is how the hub, which reads variables, learns the rest.
    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        match TABLE.iter().find(|setting| setting.variables.contains(&name)) {
            Some(setting) => self.value(setting).map(Value::spelled),
            None => self.environment.get(name).map(OsString::from),
        }
    }

    /// What the file says about models.
    pub(crate) fn models(&self) -> &Models {
        &self.models
    }

    /// The model to take: the one that was named, else the default one. Errors: there is neither.
    pub(crate) fn model<'a>(&'a self, named: Option<&'a str>) -> Result<&'a str, CliError> {
        named.or_else(|| self.text(&DEFAULT_MODEL)).ok_or(CliError::ModelMissing)
    }
}
