//! What a setting is: its key, its kind, and every place that may set it.

use super::kind::Kind;

/// One thing that a user may set once and for all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Its name in the configuration file, `section.name`.
    pub(crate) key: &'static str,
    /// Which values it takes.
    pub(crate) kind: Kind,
    /// What it does, as `--help` and the example file tell it.
    pub(crate) doc: &'static str,
    /// A value that it takes, as the file spells it.
    pub(crate) example: &'static str,
    /// What holds where nobody sets it.
    pub(crate) unset: Unset,
    /// The environment variables that set it; the first one that is set counts.
    pub(crate) variables: &'static [&'static str],
    /// The flag that sets it.
    pub(crate) flag: Option<Flag>,
    /// A flag without a value that sets it.
    pub(crate) shortcut: Option<Shortcut>,
}

/// What holds where nobody sets a setting.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unset {
    /// The model's own files, else the engine.
    Model,
    /// A value of its own.
    Text(&'static str),
    /// What these words say.
    Words(&'static str),
    /// No.
    Off,
    /// Nothing.
    Nothing,
}

/// A flag that takes the setting's value; a switch takes none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    /// Its name, without the dashes.
    pub(crate) long: &'static str,
    /// What `--help` calls its value.
    pub(crate) value_name: &'static str,
}

/// A flag that stands for one value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shortcut {
    /// What clap knows it by; like the keys of settings it has a dot, which no field of a command
    /// has.
    pub(crate) id: &'static str,
    /// Its name, without the dashes.
    pub(crate) long: &'static str,
    /// The value.
    pub(crate) number: f32,
    /// What it does.
    pub(crate) doc: &'static str,
}

impl Setting {
    /// A setting that only a configuration file sets.
    pub(super) const fn new(key: &'static str, kind: Kind, doc: &'static str) -> Self {
        let (unset, flag, shortcut) = (Unset::Nothing, None, None);
        Self { key, kind, doc, example: "", unset, variables: &[], flag, shortcut }
    }

    /// A value that it takes, as the file spells it.
    pub(super) const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    /// What holds where nobody sets it.
    pub(super) const fn unset(self, unset: Unset) -> Self {
        Self { unset, ..self }
    }

    /// The environment variables that set it too.
    pub(super) const fn variables(self, variables: &'static [&'static str]) -> Self {
        Self { variables, ..self }
    }

    /// The flag that sets it too.
    pub(super) const fn flag(self, long: &'static str, value_name: &'static str) -> Self {
        Self { flag: Some(Flag { long, value_name }), ..self }
    }

    /// A flag that stands for one of its values.
    pub(super) const fn shortcut(self, shortcut: Shortcut) -> Self {
        Self { shortcut: Some(shortcut), ..self }
    }

    /// The part of the key before the dot.
    pub(crate) fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    /// The part of the key after the dot.
    pub(crate) fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    /// What it does, and what holds where it is not set.
    pub(crate) fn help(&self) -> String {
        match self.unset {
            Unset::Text(told) | Unset::Words(told) => format!("{} [default: {told}]", self.doc),
            Unset::Model | Unset::Off | Unset::Nothing => self.doc.to_owned(),
        }
    }
}
