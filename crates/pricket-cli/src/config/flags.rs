//! The flags of settings, as clap takes them; the table says what they are.

use std::marker::PhantomData;

use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::entry::Entry;
use super::kind::Kind;
use super::origin::Origin;
use super::setting::{Flag, Setting};
use super::table::{self, TABLE};
use super::value::Value;

/// Where the flags of all subcommands stand in `--help`: before `-h`, which clap has at 999.
const GLOBAL_ORDER: usize = 901;

/// Settings whose flags a command takes.
pub(crate) trait Group: Clone + Send + Sync {
    /// Which ones, in the order of `--help`.
    const SETTINGS: &'static [Setting];
    /// The heading above them.
    const HEADING: Option<&'static str> = None;
    /// Whether they may stand behind any subcommand.
    const GLOBAL: bool = false;
}

/// The flags of a group. It holds no values: they go into the [`Config`](super::Config), beside
/// those of the environment and the file.
#[derive(Debug, Clone)]
pub(crate) struct Flags<G>(PhantomData<G>);

/// What finding a model depends on.
#[derive(Debug, Clone)]
pub(crate) enum Finding {}

/// What measuring a model depends on.
#[derive(Debug, Clone)]
pub(crate) enum Measuring {}

/// What encoding texts depends on.
#[derive(Debug, Clone)]
pub(crate) enum Encoding {}

/// What answering depends on, but for sampling.
#[derive(Debug, Clone)]
pub(crate) enum Answering {}

/// The knobs of sampling.
#[derive(Debug, Clone)]
pub(crate) enum Sampling {}

/// Logs.
#[derive(Debug, Clone)]
pub(crate) enum Logging {}

impl Group for Finding {
    const SETTINGS: &'static [Setting] = &[table::OFFLINE];
}

impl Group for Measuring {
    const SETTINGS: &'static [Setting] = &[
        table::THREADS,
        table::DEVICE,
        table::BACKEND,
        table::KV,
        table::MEMORY,
        table::EXPERTS_MEMORY,
        table::QUANTIZE,
    ];
}

impl Group for Encoding {
    const SETTINGS: &'static [Setting] =
        &[table::OFFLINE, table::THREADS, table::MEMORY, table::QUANTIZE];
}

impl Group for Answering {
    const SETTINGS: &'static [Setting] = &[
        table::OFFLINE,
        table::CONTEXT,
        table::THREADS,
        table::DEVICE,
        table::BACKEND,
        table::KV,
        table::MEMORY,
        table::EXPERTS_MEMORY,
        table::QUANTIZE,
        table::SYSTEM,
        table::TEMPLATE,
        table::MAX_TOKENS,
        table::STOP,
    ];
}

impl Group for Sampling {
    const SETTINGS: &'static [Setting] = &[
        table::TEMPERATURE,
        table::DYNATEMP_RANGE,
        table::DYNATEMP_EXPONENT,
        table::TOP_K,
        table::TOP_P,
        table::MIN_P,
        table::TYPICAL_P,
        table::TOP_N_SIGMA,
        table::XTC_PROBABILITY,
        table::XTC_THRESHOLD,
        table::REPETITION_PENALTY,
        table::FREQUENCY_PENALTY,
        table::PRESENCE_PENALTY,
        table::PENALTY_LAST_N,
        table::DRY_MULTIPLIER,
        table::DRY_BASE,
        table::DRY_ALLOWED_LENGTH,
        table::DRY_PENALTY_LAST_N,
        table::DRY_SEQUENCE_BREAKERS,
        table::MIROSTAT,
        table::MIROSTAT_TAU,
        table::MIROSTAT_ETA,
        table::LOGIT_BIAS,
        table::BAD_WORDS,
        table::MIN_TOKENS,
        table::SAMPLERS,
        table::SEED,
    ];
    const HEADING: Option<&'static str> = Some("Sampling");
}

impl Group for Logging {
    const SETTINGS: &'static [Setting] = &[table::LOG_FORMAT];
    const GLOBAL: bool = true;
}

impl<G: Group> Args for Flags<G> {
    fn augment_args(mut command: Command) -> Command {
        for setting in G::SETTINGS {
            for arg in args(setting) {
                let arg = arg.help_heading(G::HEADING).global(G::GLOBAL);
                // What stands behind any subcommand stands behind that one's own.
                let arg = if G::GLOBAL { arg.display_order(GLOBAL_ORDER) } else { arg };
                command = command.arg(arg);
            }
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<G: Group> FromArgMatches for Flags<G> {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(PhantomData))
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
        Ok(())
    }
}

/// A setting's shortcut and its flag.
fn args(setting: &Setting) -> impl Iterator<Item = Arg> {
    let shortcut = setting.shortcut.map(|shortcut| {
        let arg = Arg::new(shortcut.id).long(shortcut.long).help(shortcut.doc);
        arg.action(ArgAction::SetTrue).conflicts_with(setting.key)
    });
    shortcut.into_iter().chain(setting.flag.map(|flag| arg(setting, flag)))
}

/// Its id is the whole key: a name alone may be that of another argument.
fn arg(setting: &Setting, flag: Flag) -> Arg {
    let arg = Arg::new(setting.key).long(flag.long).help(setting.help());
    let negative = matches!(setting.kind, Kind::Number(_));
    match setting.kind {
        Kind::Switch => arg.action(ArgAction::SetTrue),
        Kind::Texts | Kind::Each(_) => arg.action(ArgAction::Append),
        _ => arg.action(ArgAction::Set),
    }
    .allow_negative_numbers(negative)
    .value_name(flag.value_name)
    .value_parser(parser(setting.kind))
}

fn parser(kind: Kind) -> ValueParser {
    match kind {
        Kind::Switch => clap::value_parser!(bool),
        Kind::Choice(words) => PossibleValuesParser::new(words).map(Value::Text).into(),
        _ => ValueParser::new(move |text: &str| {
            kind.parse(text).ok_or_else(|| format!("it must be {}", kind.wanted()))
        }),
    }
}

/// The settings that the command line sets. A flag belongs to the innermost subcommand.
pub(super) fn given(matches: &ArgMatches) -> Vec<(&'static Setting, Entry)> {
    let mut matches = matches;
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    TABLE.iter().filter_map(|setting| Some((setting, entry(setting, matches)?))).collect()
}

fn entry(setting: &Setting, matches: &ArgMatches) -> Option<Entry> {
    if let Some(shortcut) = setting.shortcut
        && is_given(matches, shortcut.id)
    {
        let value = Value::Number(shortcut.number);
        return Some(Entry { value, origin: Origin::Flag(shortcut.long) });
    }
    let flag = setting.flag.filter(|_| is_given(matches, setting.key))?;
    let values = || matches.try_get_many::<Value>(setting.key).ok().flatten();
    let value = match setting.kind {
        Kind::Switch => Value::Switch(true),
        Kind::Texts | Kind::Each(_) => {
            let texts = values()?.flat_map(|value| match value {
                Value::Texts(texts) => texts.clone(),
                other => vec![other.to_string()],
            });
            Value::Texts(texts.collect())
        }
        _ => values()?.next_back()?.clone(),
    };
    Some(Entry { value, origin: Origin::Flag(flag.long) })
}

/// Whether a command knows a flag and it stands on the command line.
fn is_given(matches: &ArgMatches, id: &str) -> bool {
    matches!(matches.try_contains_id(id), Ok(true))
        && matches.value_source(id) == Some(ValueSource::CommandLine)
}
