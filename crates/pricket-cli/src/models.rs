//! `pricket models`: what is known of models, and what a name means.

use pricket::core::{Capability, MicroDollars, ModelInfo};
use pricket::hub::{Hub, ModelQuery, Resolution};
use serde::Serialize;

use crate::args::ModelsArgs;
use crate::config::Config;
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::progress::ProgressDisplay;
use crate::terminal::Terminal;
use crate::{locate, table};

/// What a program reads of a name.
#[derive(Serialize)]
struct Told<'a> {
    name: &'a str,
    meaning: String,
    steps: Vec<String>,
    rule: String,
    path: Option<String>,
    model: Option<&'a ModelInfo>,
}

/// Tells what models are known, or what one name means.
pub(crate) fn models(
    args: &ModelsArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    if let Some(address) = &args.refresh {
        let stream = locate::hub(config)?.refresh(address);
        let display = ProgressDisplay::beside(terminal);
        let path = locate::finish(stream, display, terminal, interrupt)?;
        terminal.note(format!("model data is kept in {}", path.display()));
    }
    let hub = locate::hub(config)?;
    match &args.name {
        Some(name) => one(&hub.resolve(name)?, args.json, terminal),
        None => all(&hub, args, terminal),
    }
}

fn all(hub: &Hub, args: &ModelsArgs, terminal: &mut Terminal) -> Result<(), CliError> {
    let mut query = ModelQuery::new()
        .capabilities(args.can.iter().copied().collect::<pricket::core::Capabilities>());
    if let Some(provider) = &args.provider {
        query = query.provider(provider);
    }
    if let Some(context) = args.context_min {
        query = query.context_at_least(context);
    }
    let mut models: Vec<ModelInfo> = hub.catalog().select(&query).cloned().collect();
    if query == ModelQuery::new() {
        models.extend(unknown_aliases(hub));
    }
    if args.json {
        return terminal.json_pretty(&models);
    }
    if models.is_empty() {
        terminal.note("no model is known to be so; `pricket models` lists all");
        return Ok(());
    }
    let head = ["NAME", "CONTEXT", "ANSWER", "INPUT $", "OUTPUT $", "AS OF", "CAN"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(models.iter().map(row));
    terminal.line(table::columns(&rows))
}

/// The aliases of which the model data says nothing: those of the user's own. Nothing is known of
/// them but that they may be named, so they fit no filter.
fn unknown_aliases(hub: &Hub) -> impl Iterator<Item = ModelInfo> {
    let has_row =
        |name: &str| hub.catalog().find_all(name).into_iter().any(|info| info.provider.is_none());
    let aliases = hub.registry().iter().filter(move |alias| !has_row(&alias.name));
    aliases.map(|alias| ModelInfo { aliases: alias.aka.clone(), ..ModelInfo::new(&alias.name) })
}

fn row(info: &ModelInfo) -> [String; 7] {
    let price = info.price.as_ref();
    [
        info.full_name(),
        known(info.context_length),
        known(info.max_output_tokens),
        known(price.and_then(|price| price.input).map(String::from)),
        known(price.and_then(|price| price.output).map(String::from)),
        known(price.map(|price| price.as_of)),
        capabilities(info),
    ]
}

fn one(resolution: &Resolution, json: bool, terminal: &mut Terminal) -> Result<(), CliError> {
    if json {
        return terminal.json_pretty(&Told {
            name: &resolution.name,
            meaning: resolution.reference.to_string(),
            steps: resolution.steps.iter().map(ToString::to_string).collect(),
            rule: resolution.rule.to_string(),
            path: resolution.cached.as_ref().map(|path| path.display().to_string()),
            model: resolution.info.as_ref(),
        });
    }
    terminal.line(resolution.explain())?;
    let Some(info) = &resolution.info else {
        terminal.note("no more is known of it; `pricket inspect` reads the model's own files");
        return Ok(());
    };
    let tokens = |limit: Option<usize>| match limit {
        Some(limit) => format!("{limit} tokens"),
        None => "-".to_owned(),
    };
    let mut rows = vec![["model".to_owned(), info.full_name()]];
    let mut row = |name: &str, value: String| rows.push([name.to_owned(), value]);
    row("context", tokens(info.context_length));
    if info.provider.is_some() {
        row("longest answer", tokens(info.max_output_tokens));
        row("price", price(info));
    }
    row("can", capabilities(info));
    terminal.line(format!("\n{}", table::columns(&rows)))
}

/// What a million tokens cost, in words.
fn price(info: &ModelInfo) -> String {
    let Some(price) = &info.price else { return "-".to_owned() };
    let part = |rate: Option<MicroDollars>, what| Some(format!("{} {what}", rate?));
    let parts = [
        part(price.input, "input"),
        part(price.cached_input, "cached input"),
        part(price.output, "output"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("{} for a million tokens (as of {})", parts.join(", "), price.as_of)
}

fn capabilities(info: &ModelInfo) -> String {
    info.capabilities.iter().map(Capability::as_str).collect::<Vec<_>>().join(", ")
}

fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
