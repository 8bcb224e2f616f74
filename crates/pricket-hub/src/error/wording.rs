//! Parts of sentences: lists of names, amounts of room.

use pricket_core::ByteSize;

use super::HubError;
use crate::Source;

pub(super) fn did_you_mean(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "; `hf:org/repo/file` or a path works too".into()
    } else {
        format!("; did you mean {}?", quoted(nearest))
    }
}

pub(super) fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

pub(super) fn room(need: Option<ByteSize>, free: Option<ByteSize>) -> String {
    match (need, free) {
        (Some(need), Some(free)) => format!(" ({need} needed, {free} free)"),
        (Some(need), None) => format!(" ({need} needed)"),
        _ => String::new(),
    }
}

pub(super) fn told(failures: &[(Source, HubError)]) -> String {
    if failures.is_empty() {
        return "no source is configured for it".into();
    }
    let told: Vec<String> = failures.iter().map(|(from, why)| format!("{from}: {why}")).collect();
    told.join("; ")
}

/// The stations of a way.
pub(super) fn chained(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" -> ")
}

/// What a remote model is. Of a name that the model data does not have only its form is known.
pub(super) fn elsewhere(provider: &str, known: bool) -> String {
    if known {
        format!("is a model that {provider} runs")
    } else {
        "begins with a provider of the model data".into()
    }
}

/// What to write for a remote model.
pub(super) fn instead(provider: &str, model: &str, known: bool) -> String {
    if known {
        "give an alias, `hf:org/repo/file` or a path".into()
    } else {
        format!("if you mean a repository of the hub, write `hf:{provider}/{model}`")
    }
}
