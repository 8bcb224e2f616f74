//! The settings of sampling.

use crate::config::kind::{Bounds, Form, Kind};
use crate::config::setting::{Setting, Shortcut, Unset};

/// See [`SamplingParams::temperature`](pricket::core::SamplingParams::temperature), and so on.
pub(crate) const TEMPERATURE: Setting = Setting::new(
    "sampling.temperature",
    Kind::Number(Bounds::NotNegative),
    "Divides the logits; 0 is greedy",
)
.example("0.7")
.unset(Unset::Model)
.variables(&["PRICKET_TEMPERATURE"])
.flag("temperature", "T")
.shortcut(Shortcut {
    id: "sampling.temperature=0",
    long: "greedy",
    number: 0.0,
    doc: "Always take the most likely token",
});

pub(crate) const DYNATEMP_RANGE: Setting = Setting::new(
    "sampling.dynatemp_range",
    Kind::Number(Bounds::NotNegative),
    "How far the entropy may move the temperature, up and down; 0 is off",
)
.example("0.5")
.unset(Unset::Model)
.variables(&["PRICKET_DYNATEMP_RANGE"])
.flag("dynatemp-range", "X");

pub(crate) const DYNATEMP_EXPONENT: Setting = Setting::new(
    "sampling.dynatemp_exponent",
    Kind::Number(Bounds::NotNegative),
    "The power of the entropy that moves the temperature",
)
.example("1.0")
.unset(Unset::Model)
.variables(&["PRICKET_DYNATEMP_EXPONENT"])
.flag("dynatemp-exponent", "X");

pub(crate) const TOP_K: Setting = Setting::new(
    "sampling.top_k",
    Kind::count_from(0),
    "Keep the K most likely tokens; 0 keeps all",
)
.example("40")
.unset(Unset::Model)
.variables(&["PRICKET_TOP_K"])
.flag("top-k", "K");

pub(crate) const TOP_P: Setting = Setting::new(
    "sampling.top_p",
    Kind::Number(Bounds::Share),
    "Keep the smallest set of tokens whose probabilities reach P",
)
.example("0.95")
.unset(Unset::Model)
.variables(&["PRICKET_TOP_P"])
.flag("top-p", "P");

pub(crate) const MIN_P: Setting = Setting::new(
    "sampling.min_p",
    Kind::Number(Bounds::Fraction),
    "Drop tokens less likely than P times the most likely one",
)
.example("0.05")
.unset(Unset::Model)
.variables(&["PRICKET_MIN_P"])
.flag("min-p", "P");

pub(crate) const TYPICAL_P: Setting = Setting::new(
    "sampling.typical_p",
    Kind::Number(Bounds::Share),
    "Keep the tokens of about the expected surprise whose probabilities reach P; 1 keeps all",
)
.example("0.9")
.unset(Unset::Model)
.variables(&["PRICKET_TYPICAL_P"])
.flag("typical-p", "P");

pub(crate) const TOP_N_SIGMA: Setting = Setting::new(
    "sampling.top_n_sigma",
    Kind::Number(Bounds::NotNegative),
    "Drop tokens N standard deviations below the largest logit; 0 is off",
)
.example("1.0")
.unset(Unset::Model)
.variables(&["PRICKET_TOP_N_SIGMA"])
.flag("top-n-sigma", "N");

pub(crate) const XTC_PROBABILITY: Setting = Setting::new(
    "sampling.xtc_probability",
    Kind::Number(Bounds::Fraction),
    "How often XTC drops all but the last of the top choices; 0 is off",
)
.example("0.5")
.unset(Unset::Model)
.variables(&["PRICKET_XTC_PROBABILITY"])
.flag("xtc-probability", "P");

pub(crate) const XTC_THRESHOLD: Setting = Setting::new(
    "sampling.xtc_threshold",
    Kind::Number(Bounds::Fraction),
    "From which probability on a token is a top choice of XTC",
)
.example("0.1")
.unset(Unset::Model)
.variables(&["PRICKET_XTC_THRESHOLD"])
.flag("xtc-threshold", "P");

pub(crate) const REPETITION_PENALTY: Setting = Setting::new(
    "sampling.repetition_penalty",
    Kind::Number(Bounds::Positive),
    "Divides the logits of tokens already seen; 1 changes nothing",
)
.example("1.1")
.unset(Unset::Model)
.variables(&["PRICKET_REPETITION_PENALTY"])
.flag("repetition-penalty", "X");

pub(crate) const FREQUENCY_PENALTY: Setting = Setting::new(
    "sampling.frequency_penalty",
    Kind::Number(Bounds::Any),
    "Subtracted from a token's logit for every time it was seen",
)
.example("0.0")
.unset(Unset::Model)
.variables(&["PRICKET_FREQUENCY_PENALTY"])
.flag("frequency-penalty", "X");

pub(crate) const PRESENCE_PENALTY: Setting = Setting::new(
    "sampling.presence_penalty",
    Kind::Number(Bounds::Any),
    "Subtracted from a token's logit if it was seen at all",
)
.example("0.0")
.unset(Unset::Model)
.variables(&["PRICKET_PRESENCE_PENALTY"])
.flag("presence-penalty", "X");

pub(crate) const PENALTY_LAST_N: Setting = Setting::new(
    "sampling.penalty_last_n",
    Kind::count_from(0),
    "How many of the latest tokens the penalties look at; 0 looks at all",
)
.example("64")
.unset(Unset::Model)
.variables(&["PRICKET_PENALTY_LAST_N"])
.flag("penalty-last-n", "N");

pub(crate) const DRY_MULTIPLIER: Setting = Setting::new(
    "sampling.dry_multiplier",
    Kind::Number(Bounds::NotNegative),
    "How strongly DRY lowers what would go on with a repetition; 0 is off",
)
.example("0.8")
.unset(Unset::Model)
.variables(&["PRICKET_DRY_MULTIPLIER"])
.flag("dry-multiplier", "X");

pub(crate) const DRY_BASE: Setting = Setting::new(
    "sampling.dry_base",
    Kind::Number(Bounds::OneOrMore),
    "How fast DRY's penalty grows with the repetition's length",
)
.example("1.75")
.unset(Unset::Model)
.variables(&["PRICKET_DRY_BASE"])
.flag("dry-base", "X");

pub(crate) const DRY_ALLOWED_LENGTH: Setting = Setting::new(
    "sampling.dry_allowed_length",
    Kind::count_from(0),
    "Repetitions shorter than this cost nothing under DRY",
)
.example("2")
.unset(Unset::Model)
.variables(&["PRICKET_DRY_ALLOWED_LENGTH"])
.flag("dry-allowed-length", "N");

pub(crate) const DRY_PENALTY_LAST_N: Setting = Setting::new(
    "sampling.dry_penalty_last_n",
    Kind::count_from(0),
    "How many of the latest tokens DRY looks at; 0 looks at all",
)
.example("0")
.unset(Unset::Model)
.variables(&["PRICKET_DRY_PENALTY_LAST_N"])
.flag("dry-penalty-last-n", "N");

pub(crate) const DRY_SEQUENCE_BREAKERS: Setting = Setting::new(
    "sampling.dry_sequence_breakers",
    Kind::Texts,
    "A text that no repetition reaches across under DRY; may be given several times",
)
.example("[\"\\n\", \":\"]")
.unset(Unset::Model)
.variables(&["PRICKET_DRY_SEQUENCE_BREAKERS"])
.flag("dry-sequence-breaker", "TEXT");

pub(crate) const MIROSTAT: Setting = Setting::new(
    "sampling.mirostat",
    Kind::Count { min: 0, max: 2 },
    "Mirostat 1 or 2 in the place of every filter; 0 is off",
)
.example("2")
.unset(Unset::Model)
.variables(&["PRICKET_MIROSTAT"])
.flag("mirostat", "V");

pub(crate) const MIROSTAT_TAU: Setting = Setting::new(
    "sampling.mirostat_tau",
    Kind::Number(Bounds::NotNegative),
    "The surprise that Mirostat steers to, in bits",
)
.example("5.0")
.unset(Unset::Model)
.variables(&["PRICKET_MIROSTAT_TAU"])
.flag("mirostat-tau", "BITS");

pub(crate) const MIROSTAT_ETA: Setting = Setting::new(
    "sampling.mirostat_eta",
    Kind::Number(Bounds::NotNegative),
    "How fast Mirostat steers",
)
.example("0.1")
.unset(Unset::Model)
.variables(&["PRICKET_MIROSTAT_ETA"])
.flag("mirostat-eta", "X");

pub(crate) const LOGIT_BIAS: Setting = Setting::new(
    "sampling.logit_bias",
    Kind::Each(Form::Bias),
    "Added to a token's logit; -100 bans it; may be given several times",
)
.example("[\"15043=-100\"]")
.unset(Unset::Model)
.variables(&["PRICKET_LOGIT_BIAS"])
.flag("logit-bias", "ID=X");

pub(crate) const BAD_WORDS: Setting = Setting::new(
    "sampling.bad_words",
    Kind::Each(Form::Ids),
    "Token ids that may not follow each other; may be given several times",
)
.example("[\"15043,29991\"]")
.unset(Unset::Model)
.variables(&["PRICKET_BAD_WORDS"])
.flag("bad-words", "IDS");

pub(crate) const MIN_TOKENS: Setting = Setting::new(
    "sampling.min_tokens",
    Kind::count_from(0),
    "The answer does not end before so many tokens",
)
.example("16")
.unset(Unset::Model)
.variables(&["PRICKET_MIN_TOKENS"])
.flag("min-tokens", "N");

pub(crate) const SAMPLERS: Setting = Setting::new(
    "sampling.samplers",
    Kind::Samplers,
    "The chain: which samplers run, first to last, with semicolons between them",
)
.example("\"top_k;min_p;temperature\"")
.unset(Unset::Model)
.variables(&["PRICKET_SAMPLERS"])
.flag("samplers", "NAMES");

pub(crate) const SEED: Setting = Setting::new(
    "sampling.seed",
    Kind::count_from(0),
    "Decides every random draw; the same seed gives the same answer",
)
.example("7")
.unset(Unset::Words("drawn anew for each answer"))
.variables(&["PRICKET_SEED"])
.flag("seed", "N");
