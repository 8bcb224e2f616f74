//! Logs: on stderr, silent unless asked for. `RUST_LOG` chooses, `--log` formats.

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;
use crate::error::CliError;

/// What `--log` shows where `RUST_LOG` says nothing.
const DEFAULT_FILTER: &str = "info";

/// Sends logs to stderr where `--log` or `RUST_LOG` asks for them.
pub(crate) fn install(format: Option<LogFormat>) -> Result<(), CliError> {
    let wish = std::env::var("RUST_LOG").ok().filter(|filter| !filter.trim().is_empty());
    if format.is_none() && wish.is_none() {
        return Ok(());
    }
    let text = wish.unwrap_or_else(|| DEFAULT_FILTER.to_owned());
    let filter = EnvFilter::try_new(&text).map_err(|source| {
        CliError::Usage(format!(
            "RUST_LOG=`{text}` is no log filter ({source}); write `info` or `pricket_hub=debug`"
        ))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format.unwrap_or(LogFormat::Text) {
        LogFormat::Text => {
            let colours = anstream::AutoStream::choice(&std::io::stderr());
            builder.with_ansi(colours != anstream::ColorChoice::Never).init();
        }
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
