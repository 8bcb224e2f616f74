//! How text is split before byte-level BPE, by the names that GGUF files use in
//! `tokenizer.ggml.pre`.
//!
//! Each entry is the splitting of the model's own `tokenizer.json`. A name stands here only if its
//! rules are known; any other is refused, since a wrong splitting gives wrong ids without a sign.

use serde_json::{Value, json};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper};

use crate::error::{Result, malformed};
use crate::tokenizer::splitter::{GPT2, Splitter};

/// Each digit alone.
const DIGIT: &str = r"\p{N}";

/// Llama 3: words with one leading character, digits by three, contractions in any case.
const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}",
    r"\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

/// Qwen 2: as Llama 3, digits one by one.
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[",
    r"\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

/// Mistral's Tekken: words split where lower case is followed by upper case.
const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^",
    r"\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

/// OpenAI's o200k: as Tekken, with contractions and digits by three.
const O200K: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:",
    r"'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[",
    r"\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}",
    r"\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

/// `DeepSeek` V3's third splitting; digits by three and runs of Han and kana go before.
const DEEPSEEK3: &str = concat!(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}"##,
    r##"\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
);

/// Runs of Han and kana.
const HAN_KANA: &str = r"[\u{4E00}-\u{9FA5}\u{3040}-\u{309F}\u{30A0}-\u{30FF}]+";

/// `DeepSeek` Coder's runs of Han, other scripts between U+0800 and it, and Hangul.
const HAN_HANGUL: &str = r"[\u{4E00}-\u{9FA5}\u{0800}-\u{4E00}\u{AC00}-\u{D7FF}]+";

/// Kimi K2: runs of Han alone, and o200k without Han.
pub(crate) const KIMI_K2: &str = concat!(
    r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}",
    r"\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[",
    r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]",
    r"*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|",
    r"\s+(?!\S)|\s+",
);

/// One way of splitting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Splitting {
    /// Regular expressions; each cuts the pieces of the one before at its matches.
    patterns: &'static [&'static str],
    /// Text is brought to NFC first.
    pub(crate) nfc: bool,
    /// A word that is a token is not merged.
    pub(crate) ignore_merges: bool,
    /// Prompts begin with the beginning-of-sequence token unless the file says otherwise.
    pub(crate) adds_bos: bool,
}

/// Splitting by patterns and nothing else.
const fn by(patterns: &'static [&'static str]) -> Splitting {
    Splitting { patterns, nfc: false, ignore_merges: false, adds_bos: false }
}

/// The splitting of a `tokenizer.ggml.pre`; `default` is what files mean that have none.
pub(crate) fn named(name: &str) -> Option<Splitting> {
    Some(match name {
        "default" => by(&[r"[\p{P}$+<=>^~|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"]),
        "gpt-2" | "gpt2" | "phi-2" | "olmo" | "mpt" | "jais" => by(&[GPT2]),
        "smollm" | "starcoder" | "refact" | "codeshell" => by(&[DIGIT, GPT2]),
        "command-r" => Splitting { nfc: true, ..by(&[DIGIT, GPT2]) },
        "falcon" => by(&[r"[\p{P}$+<=>^~|`]+", GPT2, r"[0-9][0-9][0-9]"]),
        "llama-bpe" | "llama3" | "llama-v3" => {
            Splitting { ignore_merges: true, adds_bos: true, ..by(&[LLAMA3]) }
        }
        "smaug-bpe" | "dbrx" | "glm4" | "chatglm-bpe" => by(&[LLAMA3]),
        "qwen2" => Splitting { nfc: true, ..by(&[QWEN2]) },
        "deepseek-r1-qwen" | "stablelm2" => by(&[QWEN2]),
        "tekken" => Splitting { ignore_merges: true, adds_bos: true, ..by(&[TEKKEN]) },
        "gpt-4o" | "llama4" => by(&[O200K]),
        "deepseek-v3" => by(&[r"\p{N}{1,3}", HAN_KANA, DEEPSEEK3]),
        "deepseek-coder" => by(&[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", HAN_HANGUL, DIGIT]),
        "kimi-k2" => Splitting { ignore_merges: true, ..by(&[KIMI_K2]) },
        _ => return None,
    })
}

impl Splitting {
    /// The splitting without backtracking, where its patterns allow that.
    pub(crate) fn splitter(&self) -> Option<Splitter> {
        self.patterns
            .iter()
            .try_fold(Splitter::default(), |splitter, pattern| splitter.with_pattern(pattern))
    }

    /// The normaliser that goes before.
    pub(crate) fn normalizer(&self) -> Result<Option<NormalizerWrapper>> {
        self.nfc.then(|| component(json!({"type": "NFC"}))).transpose()
    }

    /// The splitting as a component of `tokenizers`, which ends in GPT-2's byte alphabet.
    pub(crate) fn pre_tokenizer(&self) -> Result<PreTokenizerWrapper> {
        let split = |pattern: &&str| {
            let pattern = json!({"Regex": pattern});
            json!({"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false})
        };
        let mut steps: Vec<Value> = self.patterns.iter().map(split).collect();
        steps.push(json!({
            "type": "ByteLevel",
            "add_prefix_space": false,
            "trim_offsets": true,
            "use_regex": false,
        }));
        component(json!({"type": "Sequence", "pretokenizers": steps}))
    }
}

/// Builds a component from its description.
fn component<T: serde::de::DeserializeOwned>(description: Value) -> Result<T> {
    serde_json::from_value(description)
        .map_err(|error| malformed("tokenizer.ggml.pre", error.to_string()))
}
