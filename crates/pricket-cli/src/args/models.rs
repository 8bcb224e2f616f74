//! The command about models in general, on this disk or not.

use clap::Args;
use pricket::core::Capability;

use super::model::at_least_one;

/// `pricket models`.
#[derive(Debug, Args)]
#[command(after_help = "\
With a NAME it tells what that name means, by which rules, and what is known of the model.
What is not known is shown as `-`. Prices are US dollars for a million tokens on the day shown.")]
pub(crate) struct ModelsArgs {
    /// One model: alias, hf:ORG/REPO/FILE, path, PROVIDER/MODEL
    #[arg(index = 1, conflicts_with_all = ["can", "provider", "context_min"])]
    pub(crate) name: Option<String>,
    /// Only models that can do this: chat, tools, vision, audio, embeddings, thinking; several are
    /// separated by commas
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',')]
    pub(crate) can: Vec<Capability>,
    /// Only models of this provider
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) provider: Option<String>,
    /// Only models whose context has so many tokens or more
    #[arg(long = "context", value_name = "TOKENS", value_parser = at_least_one)]
    pub(crate) context_min: Option<usize>,
    /// Fetch model data from this address first, and keep it for every command from then on
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) refresh: Option<String>,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}
