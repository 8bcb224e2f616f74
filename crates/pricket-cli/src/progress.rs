//! How progress is shown: a bar where people look, JSON lines where programs read, else a few
//! lines.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pricket::core::{ByteSize, ProgressEvent, ProgressStage};

use crate::error::CliError;
use crate::terminal::Terminal;

const BYTES: &str = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const TOKENS: &str = "{msg} [{bar:30}] {pos}/{len} tokens";
const UNKNOWN: &str = "{msg} {spinner} {bytes} {bytes_per_sec}";

/// Shows the events of one task.
#[derive(Debug)]
pub(crate) enum ProgressDisplay {
    /// A bar on stderr, gone when the task is done.
    Bar(Bar),
    /// One JSON object a line on stdout.
    Json,
    /// A line on stderr for what takes long.
    Lines,
}

/// The bar of the stage that is going on.
#[derive(Debug, Default)]
pub(crate) struct Bar {
    shown: Option<(ProgressStage, ProgressBar)>,
}

impl ProgressDisplay {
    /// Beside another output: a bar where stderr is a terminal, else a few lines on stderr.
    pub(crate) fn beside(terminal: &Terminal) -> Self {
        if terminal.err_is_seen() { Self::Bar(Bar::default()) } else { Self::Lines }
    }

    /// As the output itself: a bar where people look, else JSON lines on stdout.
    pub(crate) fn alone(terminal: &Terminal) -> Self {
        if terminal.err_is_seen() && terminal.out_is_seen() {
            Self::Bar(Bar::default())
        } else {
            Self::Json
        }
    }

    /// Shows an event.
    pub(crate) fn show(
        &mut self,
        event: &ProgressEvent,
        terminal: &mut Terminal,
    ) -> Result<(), CliError> {
        match self {
            Self::Json => terminal.json(event)?,
            Self::Lines => {
                if let ProgressEvent::Started { stage, what, total } = event
                    && matches!(stage, ProgressStage::Downloading | ProgressStage::Unpacking)
                {
                    let size = total.map(|n| format!(" ({})", ByteSize(n))).unwrap_or_default();
                    terminal.note(format_args!("{} {what}{size}", verb(*stage)));
                }
            }
            Self::Bar(bar) => bar.show(event),
        }
        Ok(())
    }
}

impl Bar {
    fn show(&mut self, event: &ProgressEvent) {
        match event {
            ProgressEvent::Started { stage, what, total } => {
                self.clear();
                let bar = ProgressBar::with_draw_target(*total, ProgressDrawTarget::stderr())
                    .with_style(style(*stage, *total))
                    .with_message(message(*stage, what));
                self.shown = Some((*stage, bar));
            }
            ProgressEvent::Advanced { stage, done, total } => {
                let Some((shown, bar)) = &self.shown else { return };
                if shown != stage {
                    return;
                }
                if *total != bar.length() && total.is_some() {
                    bar.set_style(style(*stage, *total));
                    bar.set_length(total.unwrap_or(*done));
                }
                bar.set_position(*done);
            }
            _ => self.clear(),
        }
    }

    fn clear(&mut self) {
        if let Some((_, bar)) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

fn style(stage: ProgressStage, total: Option<u64>) -> ProgressStyle {
    let template = match (stage, total) {
        (ProgressStage::Prefilling, _) => TOKENS,
        (_, Some(_)) => BYTES,
        (_, None) => UNKNOWN,
    };
    // The templates are constants; were one wrong, indicatif's own style would still show progress.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// What is going on, in words; where a file is looked for, the event's own words say where.
fn message(stage: ProgressStage, what: &str) -> String {
    match stage {
        ProgressStage::Resolving => what.to_owned(),
        _ => format!("{} {what}", verb(stage)),
    }
}

fn verb(stage: ProgressStage) -> &'static str {
    match stage {
        ProgressStage::Downloading => "downloading",
        ProgressStage::Verifying => "checking",
        ProgressStage::Unpacking => "unpacking",
        ProgressStage::Loading => "loading",
        ProgressStage::Prefilling => "reading",
        _ => "working on",
    }
}
