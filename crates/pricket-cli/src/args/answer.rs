//! How an answer is made: sampling, limits, and the two commands that answer.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use pricket::core::SamplingParams;

use super::ModelArgs;
use super::model::at_least_one;

/// The knobs of sampling; what is not given falls to the model's own defaults.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sampling")]
pub(crate) struct SamplingArgs {
    /// Always take the most likely token
    #[arg(long, conflicts_with = "temperature")]
    greedy: bool,
    /// Divides the logits; 0 is greedy
    #[arg(long, value_name = "T")]
    temperature: Option<f32>,
    /// Keep the K most likely tokens; 0 keeps all
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Keep the smallest set of tokens whose probabilities reach P
    #[arg(long, value_name = "P")]
    top_p: Option<f32>,
    /// Drop tokens less likely than P times the most likely one
    #[arg(long, value_name = "P")]
    min_p: Option<f32>,
    /// Divides the logits of tokens already seen; 1 changes nothing
    #[arg(long, value_name = "X")]
    repetition_penalty: Option<f32>,
    /// Subtracted from a token's logit for every time it was seen
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    frequency_penalty: Option<f32>,
    /// Subtracted from a token's logit if it was seen at all
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    presence_penalty: Option<f32>,
    /// How many of the latest tokens the penalties look at; 0 looks at all
    #[arg(long, value_name = "N")]
    penalty_last_n: Option<usize>,
    /// Decides every random draw; the same seed gives the same answer
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl SamplingArgs {
    /// The knobs as the engine takes them.
    pub(crate) fn params(&self) -> SamplingParams {
        SamplingParams {
            temperature: if self.greedy { Some(0.0) } else { self.temperature },
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            penalty_last_n: self.penalty_last_n,
            seed: self.seed,
        }
    }
}

/// What `run` and `chat` share.
#[derive(Debug, Clone, Args)]
pub(crate) struct AnswerArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Instructions that stand above the conversation
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// Most tokens to generate [default: until the context is full]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) max_tokens: Option<usize>,
    /// A text that ends the answer and is not shown; may be given several times
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) stop: Vec<String>,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
}

/// `pricket run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// What to answer; text piped into standard input is put behind it, or stands for it
    #[arg(index = 2)]
    pub(crate) prompt: Option<String>,
    /// Continue the prompt as it stands, without the model's chat template
    #[arg(long, conflicts_with = "system")]
    pub(crate) raw: bool,
    /// One JSON object a line instead of text: the pieces, then how it ended
    #[arg(long)]
    pub(crate) json: bool,
    /// Tell tokens and speed on stderr when done
    #[arg(long)]
    pub(crate) stats: bool,
    // Last, because the heading of its sampling knobs would stand above what follows.
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

/// `pricket chat`.
#[derive(Debug, Args)]
#[command(after_help = "\
In the conversation: /help /clear /stats /save FILE /exit. Ctrl-C stops an answer; pressed again it
leaves. Where standard input is no terminal, each line is one message.")]
pub(crate) struct ChatArgs {
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}
