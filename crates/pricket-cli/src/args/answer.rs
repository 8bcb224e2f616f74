//! The two commands that answer. How an answer is made is in the settings.

use clap::Args;

use crate::config::{Answering, Flags, Sampling};

/// `pricket run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Alias, hf:ORG/REPO/FILE, or path
    #[arg(index = 1)]
    pub(crate) model: String,
    /// What to answer; text piped into standard input is put behind it, or stands for it
    #[arg(index = 2)]
    pub(crate) prompt: Option<String>,
    /// Continue the prompt as it stands, without the model's chat template
    #[arg(long, conflicts_with_all = ["answer.system", "answer.template"])]
    pub(crate) raw: bool,
    /// One JSON object a line instead of text: the pieces, then how it ended
    #[arg(long)]
    pub(crate) json: bool,
    /// Tell tokens and speed on stderr when done
    #[arg(long)]
    pub(crate) stats: bool,
    #[command(flatten)]
    _answering: Flags<Answering>,
    #[command(flatten)]
    _sampling: Flags<Sampling>,
}

/// `pricket chat`.
#[derive(Debug, Args)]
#[command(after_help = "\
In the conversation: /help /clear /stats /save FILE /exit. Ctrl-C stops an answer; pressed again it
leaves. Where standard input is no terminal, each line is one message.")]
pub(crate) struct ChatArgs {
    /// Alias, hf:ORG/REPO/FILE, or path [default: the configuration's model.default]
    #[arg(index = 1)]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    _answering: Flags<Answering>,
    #[command(flatten)]
    _sampling: Flags<Sampling>,
}
