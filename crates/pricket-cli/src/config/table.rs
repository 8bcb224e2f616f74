//! The settings, as data: flags, variables, the file's keys, their checks and their documentation
//! all come from here.

mod sampling;

use super::kind::Kind;
use super::setting::{Setting, Unset};
use crate::limits::THREADS_MAX;

pub(crate) use self::sampling::{
    BAD_WORDS, DRY_ALLOWED_LENGTH, DRY_BASE, DRY_MULTIPLIER, DRY_PENALTY_LAST_N,
    DRY_SEQUENCE_BREAKERS, DYNATEMP_EXPONENT, DYNATEMP_RANGE, FREQUENCY_PENALTY, LOGIT_BIAS, MIN_P,
    MIN_TOKENS, MIROSTAT, MIROSTAT_ETA, MIROSTAT_TAU, PENALTY_LAST_N, PRESENCE_PENALTY,
    REPETITION_PENALTY, SAMPLERS, SEED, TEMPERATURE, TOP_K, TOP_N_SIGMA, TOP_P, TYPICAL_P,
    XTC_PROBABILITY, XTC_THRESHOLD,
};

pub(crate) const SYSTEM: Setting = Setting::new(
    "answer.system",
    Kind::Text { empty: true },
    "Instructions that stand above the conversation",
)
.example("\"Answer in one sentence.\"")
.variables(&["PRICKET_SYSTEM"])
.flag("system", "TEXT");

pub(crate) const TEMPLATE: Setting = Setting::new(
    "answer.template",
    Kind::Path { empty: false },
    "A chat template in place of the model's own: a Jinja file, or the word chatml",
)
.example("\"~/templates/mine.jinja\"")
.unset(Unset::Model)
.variables(&["PRICKET_TEMPLATE"])
.flag("template", "FILE");

pub(crate) const MAX_TOKENS: Setting =
    Setting::new("answer.max_tokens", Kind::count_from(1), "Most tokens to generate")
        .example("512")
        .unset(Unset::Words("until the context is full"))
        .variables(&["PRICKET_MAX_TOKENS"])
        .flag("max-tokens", "N");

pub(crate) const STOP: Setting = Setting::new(
    "answer.stop",
    Kind::Texts,
    "A text that ends the answer and is not shown; may be given several times",
)
.example("[\"\\n\\n\"]")
.variables(&["PRICKET_STOP"])
.flag("stop", "TEXT");

pub(crate) const DEFAULT_MODEL: Setting = Setting::new(
    "model.default",
    Kind::Model,
    "The model of `chat`, `bench` and `inspect` where none is named",
)
.example("\"smollm2:135m\"")
.variables(&["PRICKET_DEFAULT_MODEL"]);

pub(crate) const CONTEXT: Setting =
    Setting::new("model.context", Kind::count_from(1), "Longest conversation, in tokens")
        .example("4096")
        .unset(Unset::Words("what the model was trained for"))
        .variables(&["PRICKET_CONTEXT"])
        .flag("context", "TOKENS");

pub(crate) const THREADS: Setting =
    Setting::new("model.threads", Kind::Count { min: 1, max: THREADS_MAX }, "Worker threads")
        .example("4")
        .unset(Unset::Words("the physical cores"))
        .variables(&["PRICKET_THREADS"])
        .flag("threads", "N");

pub(crate) const DEVICE: Setting = Setting::new(
    "model.device",
    Kind::Text { empty: false },
    "Where the model runs: auto, cpu, cuda:N or metal; a device that this build cannot use is \
     refused with the reason",
)
.example("\"auto\"")
.unset(Unset::Text("auto"))
.variables(&["PRICKET_DEVICE"])
.flag("device", "DEVICE");

pub(crate) const BACKEND: Setting = Setting::new(
    "model.backend",
    Kind::Choice(&["cpu", "candle", "candle-f32"]),
    "Whose forward pass runs the model: pricket's own, candle's as a second opinion, or candle's \
     without rounding (slow, large, exact)",
)
.example("\"cpu\"")
.unset(Unset::Text("cpu"))
.variables(&["PRICKET_BACKEND"])
.flag("backend", "BACKEND");

pub(crate) const MEMORY: Setting =
    Setting::new("model.memory", Kind::Size, "Memory there is; a model that needs more is refused")
        .example("\"6GiB\"")
        .unset(Unset::Words("what the system has available"))
        .variables(&["PRICKET_MEMORY"])
        .flag("memory", "SIZE");

pub(crate) const EXPERTS_MEMORY: Setting = Setting::new(
    "model.experts_memory",
    Kind::Size,
    "Memory for the experts of a mixture; the rest of them stays on disk and is read when it is \
     chosen",
)
.example("\"4GiB\"")
.unset(Unset::Words("all experts are loaded where they fit, else what the rest leaves"))
.variables(&["PRICKET_EXPERTS_MEMORY"])
.flag("experts-memory", "SIZE");

pub(crate) const KV: Setting = Setting::new(
    "model.kv",
    Kind::Choice(&["auto", "f32", "f16", "q8_0"]),
    "How keys and values are kept: auto is f16 beside quantised weights and f32 beside floats; \
     q8_0 takes half the memory of f16",
)
.example("\"q8_0\"")
.unset(Unset::Text("auto"))
.variables(&["PRICKET_KV"])
.flag("kv", "FORMAT");

pub(crate) const QUANTIZE: Setting = Setting::new(
    "model.quantize",
    Kind::Choice(&["none", "q8_0", "q4_0", "q4_k"]),
    "What weights that are floats become while they are loaded; q4_k loses less than q4_0 at the \
     same size and takes longer to load",
)
.example("\"q8_0\"")
.unset(Unset::Text("none"))
.variables(&["PRICKET_QUANTIZE"])
.flag("quantize", "TYPE");

pub(crate) const OFFLINE: Setting = Setting::new(
    "hub.offline",
    Kind::Switch,
    "Never use the network; fail where the model is not on disk",
)
.example("true")
.unset(Unset::Off)
.variables(&["PRICKET_OFFLINE", "HF_HUB_OFFLINE"])
.flag("offline", "");

pub(crate) const MODELS: Setting = Setting::new(
    "hub.models",
    Kind::Path { empty: false },
    "A folder of model files that is looked into first",
)
.example("\"~/models\"")
.variables(&["PRICKET_MODELS"]);

pub(crate) const CACHE: Setting = Setting::new(
    "hub.cache",
    Kind::Path { empty: false },
    "Where files that came out of Python packages are kept",
)
.example("\"/data/pricket\"")
.unset(Unset::Words("the user's own cache"))
.variables(&["PRICKET_CACHE"]);

pub(crate) const SHARED_CACHE: Setting = Setting::new(
    "hub.shared_cache",
    Kind::Path { empty: false },
    "Where files of the Hugging Face hub are kept, shared with Python",
)
.example("\"/data/huggingface/hub\"")
.unset(Unset::Words("where the Hugging Face tools keep them"))
.variables(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]);

pub(crate) const MODEL_DATA: Setting = Setting::new(
    "hub.model_data",
    Kind::Path { empty: false },
    "A JSON file of model data to lay over the built-in one",
)
.example("\"~/models.json\"")
.variables(&["PRICKET_MODEL_DATA"]);

pub(crate) const ENDPOINT: Setting =
    Setting::new("hub.endpoint", Kind::Text { empty: false }, "The hub's address, or a mirror's")
        .example("\"https://huggingface.co\"")
        .unset(Unset::Text("https://huggingface.co"))
        .variables(&["HF_ENDPOINT"]);

pub(crate) const TOKEN: Setting = Setting::new(
    "hub.token",
    Kind::Secret,
    "The access token, sent to the endpoint and to nobody else",
)
.example("\"hf_...\"")
.unset(Unset::Words("the one that the Hugging Face tools keep"))
.variables(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]);

pub(crate) const PIP: Setting =
    Setting::new("hub.pip", Kind::Text { empty: false }, "The pip command, split at spaces")
        .example("\"python3 -m pip\"")
        .unset(Unset::Words("python3 -m pip, else python -m pip"))
        .variables(&["PRICKET_PIP"]);

pub(crate) const HISTORY: Setting = Setting::new(
    "chat.history",
    Kind::Path { empty: true },
    "Where `chat` keeps its history; empty keeps none",
)
.example("\"~/.pricket_history\"")
.unset(Unset::Words("a file in the user's state folder"))
.variables(&["PRICKET_HISTORY"]);

pub(crate) const LOG_FORMAT: Setting =
    Setting::new("log.format", Kind::Choice(&["text", "json"]), "How to write logs to stderr")
        .example("\"json\"")
        .unset(Unset::Words("text where RUST_LOG is set, else none"))
        .variables(&["PRICKET_LOG"])
        .flag("log", "FORMAT");

pub(crate) const LOG_FILTER: Setting =
    Setting::new("log.filter", Kind::Filter, "Which logs to write, such as pricket_hub=debug")
        .example("\"pricket_hub=debug\"")
        .unset(Unset::Words("info where a format is set, else none"))
        .variables(&["RUST_LOG"]);

/// Every setting, in the order in which they are shown.
pub(crate) static TABLE: [Setting; 51] = [
    TEMPERATURE,
    DYNATEMP_RANGE,
    DYNATEMP_EXPONENT,
    TOP_K,
    TOP_P,
    MIN_P,
    TYPICAL_P,
    TOP_N_SIGMA,
    XTC_PROBABILITY,
    XTC_THRESHOLD,
    REPETITION_PENALTY,
    FREQUENCY_PENALTY,
    PRESENCE_PENALTY,
    PENALTY_LAST_N,
    DRY_MULTIPLIER,
    DRY_BASE,
    DRY_ALLOWED_LENGTH,
    DRY_PENALTY_LAST_N,
    DRY_SEQUENCE_BREAKERS,
    MIROSTAT,
    MIROSTAT_TAU,
    MIROSTAT_ETA,
    LOGIT_BIAS,
    BAD_WORDS,
    MIN_TOKENS,
    SAMPLERS,
    SEED,
    SYSTEM,
    TEMPLATE,
    MAX_TOKENS,
    STOP,
    DEFAULT_MODEL,
    CONTEXT,
    THREADS,
    DEVICE,
    BACKEND,
    KV,
    MEMORY,
    EXPERTS_MEMORY,
    QUANTIZE,
    OFFLINE,
    MODELS,
    CACHE,
    SHARED_CACHE,
    MODEL_DATA,
    ENDPOINT,
    TOKEN,
    PIP,
    HISTORY,
    LOG_FORMAT,
    LOG_FILTER,
];
