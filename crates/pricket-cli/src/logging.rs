//! Logs: on stderr, silent unless a filter (`RUST_LOG`) or a format (`--log`) is set.

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LOG_FILTER, LOG_FORMAT};
use crate::error::CliError;

/// What is shown where only a format is set.
const DEFAULT_FILTER: &str = "info";

/// Sends logs to stderr where the configuration asks for them.
pub(crate) fn install(config: &Config) -> Result<(), CliError> {
    let (format, wish) = (config.text(&LOG_FORMAT), config.text(&LOG_FILTER));
    if format.is_none() && wish.is_none() {
        return Ok(());
    }
    let text = wish.unwrap_or(DEFAULT_FILTER);
    let filter = EnvFilter::try_new(text).map_err(|source| {
        let origin = config.origin(&LOG_FILTER);
        CliError::Usage(format!(
            "{origin}: `{text}` is no log filter ({source}); write `info` or `pricket_hub=debug`"
        ))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if format == Some("json") {
        builder.json().flatten_event(true).init();
    } else {
        let colours = anstream::AutoStream::choice(&std::io::stderr());
        builder.with_ansi(colours != anstream::ColorChoice::Never).init();
    }
    Ok(())
}
