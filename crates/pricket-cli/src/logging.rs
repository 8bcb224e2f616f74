//! Logs: on stderr, silent unless a filter (`RUST_LOG`) or a format (`--log`) is set.

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LOG_FILTER, LOG_FORMAT};

/// What is shown where only a format is set.
const DEFAULT_FILTER: &str = "info";

/// Whether a text is a filter.
pub(crate) fn is_filter(text: &str) -> bool {
    EnvFilter::try_new(text).is_ok()
}

/// Sends logs to stderr where the configuration asks for them. They are those of `tracing`: what
/// dependencies say through the crate `log` holds requests with their tokens, and what is typed.
pub(crate) fn install(config: &Config) {
    let (format, wish) = (config.text(&LOG_FORMAT), config.text(&LOG_FILTER));
    if format.is_none() && wish.is_none() {
        return;
    }
    // A filter that is none was refused with the rest of the configuration.
    let filter = EnvFilter::new(wish.unwrap_or(DEFAULT_FILTER));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if format == Some("json") {
        builder.json().flatten_event(true).init();
    } else {
        let colours = anstream::AutoStream::choice(&std::io::stderr());
        builder.with_ansi(colours != anstream::ColorChoice::Never).init();
    }
}
