//! `pricket list`: what is on this disk.

use pricket::core::ByteSize;

use crate::args::ListArgs;
use crate::config::Config;
use crate::error::CliError;
use crate::locate;
use crate::table;
use crate::terminal::Terminal;

/// Lists downloaded models.
pub(crate) fn list(
    args: &ListArgs,
    config: &Config,
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    let models = locate::disk(config)?.list()?;
    if args.json {
        return terminal.json_pretty(&models);
    }
    if models.is_empty() {
        terminal.note("no models on this disk yet; `pricket pull smollm2:135m` brings a small one");
        return Ok(());
    }
    let mut rows = vec![["NAME".to_owned(), "SIZE".to_owned(), "PATH".to_owned()]];
    rows.extend(models.iter().map(|model| {
        [model.name.clone(), ByteSize(model.bytes).to_string(), model.path.display().to_string()]
    }));
    terminal.line(table::columns(&rows))
}
