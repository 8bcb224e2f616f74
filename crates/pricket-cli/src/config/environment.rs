//! The environment of the process, looked at once.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::kind::Kind;
use super::origin::{Mistake, Origin};
use super::setting::Setting;
use super::suggestion::{did_you_mean, nearest};
use super::table::TABLE;
use super::value::{Value, short};

/// Variables that begin with `PRICKET_` and set none of the table's settings.
const OTHERS: [&str; 2] = ["PRICKET_CONFIG", "PRICKET_SIMD"];

/// What the process was started with. It has no `Debug`: a variable may be a secret.
pub(crate) struct Environment {
    variables: BTreeMap<String, OsString>,
    home: Option<PathBuf>,
}

impl Environment {
    /// That of this process. A variable whose name is not UTF-8 is none of ours.
    pub(crate) fn of_process() -> Self {
        let variables = std::env::vars_os();
        let variables =
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self { variables: variables.collect(), home: std::env::home_dir() }
    }

    /// The value of a variable, also an empty one.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(name).map(OsString::as_os_str)
    }

    /// A variable that holds an absolute path, as the XDG base directory specification wants it.
    pub(crate) fn absolute(&self, name: &str) -> Option<&Path> {
        self.get(name).map(Path::new).filter(|path| path.is_absolute())
    }

    /// The user's home.
    pub(crate) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// What the environment says about a setting: the first variable that is set, and its value or
    /// what is wrong with it. A blank variable is one that is not set, except where the setting
    /// takes an empty text; a text in a list may be blank, but not empty.
    pub(super) fn value_of(&self, setting: &Setting) -> Option<Result<(Value, Origin), Mistake>> {
        let set = setting.variables.iter().find_map(|&name| {
            let value = self.get(name)?;
            let blank = match setting.kind {
                Kind::Texts => value.is_empty(),
                _ => is_blank(value),
            };
            (!blank || setting.kind.takes_empty()).then_some((name, value))
        });
        let (name, value) = set?;
        let origin = Origin::Variable(name);
        Some(match read(setting.kind, value) {
            Ok(value) => Ok((value, origin)),
            Err(what) => Err(Mistake { origin, what: format!("{}: {what}", setting.key) }),
        })
    }

    /// The variables that look like ours and are not, each with the one that may be meant.
    pub(super) fn strangers(&self) -> Vec<String> {
        let ours = || TABLE.iter().flat_map(|setting| setting.variables).chain(&OTHERS).copied();
        let names = self.variables.keys().filter(|name| name.starts_with("PRICKET_"));
        let strangers = names.filter(|name| !ours().any(|known| known == name.as_str()));
        strangers
            .map(|name| format!("{name} sets nothing{}", did_you_mean(nearest(name, ours()))))
            .collect()
    }
}

fn is_blank(value: &OsStr) -> bool {
    value.to_str().is_some_and(|text| text.trim().is_empty())
}

fn read(kind: Kind, value: &OsStr) -> Result<Value, String> {
    if let Kind::Path { .. } = kind {
        return Ok(Value::Path(PathBuf::from(value)));
    }
    let text = value.to_str().ok_or("the value is not UTF-8 text")?;
    // A space that got in by a shell's quotes means nothing, except in a text.
    let text = match kind {
        Kind::Text { .. } | Kind::Texts | Kind::Model => text,
        _ => text.trim(),
    };
    kind.parse(text).ok_or_else(|| {
        let shown = match text.parse::<f64>() {
            _ if kind.is_secret() => "the value".to_owned(),
            Ok(_) => text.to_owned(),
            Err(_) => format!("{text:?}"),
        };
        format!("{} is not {}", short(&shown), kind.wanted())
    })
}
