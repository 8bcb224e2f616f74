//! What sentence-transformers' files beside a model say of its embeddings.

mod modules;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::json;
use super::pooling::{Pooling, PoolingMode};
use crate::ModelError;
use crate::limits::{CONFIG_BYTES_MAX, CONTEXT_MAX, TOKENIZER_CONFIG_BYTES_MAX};
use crate::tensor_source::label;

use modules::Modules;

/// How a model's makers make vectors: which texts stand in front, how many tokens are read, how
/// their hidden states become one vector. Whoever runs the hidden states may be an encoder or a
/// decoder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbeddingRecipe {
    /// The folder with the transformer's own config and weights.
    pub transformer: PathBuf,
    /// From hidden states to a vector.
    pub pooling: Pooling,
    /// How many numbers the hidden states have that the pooling is for, where the files say so.
    pub width: Option<u64>,
    /// Whether vectors get the length 1.
    pub normalize: bool,
    /// The most tokens of a text, special tokens among them, where the files say so.
    pub tokens_max: Option<usize>,
    /// Whether texts are written in lower case before they are encoded.
    pub lowercase: bool,
    /// Texts to put in front, by name, such as `query`.
    pub prompts: BTreeMap<String, String>,
    /// The name of the one that stands in front where nobody asks for another.
    pub default_prompt: Option<String>,
}

/// What `sentence_bert_config.json` was called for models of other families.
const LENGTHS: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

#[derive(Deserialize)]
struct RawLength {
    max_seq_length: Option<u64>,
    #[serde(default)]
    do_lower_case: bool,
}

#[derive(Deserialize)]
struct RawTokenizer {
    /// Writers without a limit write 1e30.
    model_max_length: Option<f64>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the file has one for each mode")]
struct RawPooling {
    /// Later versions leave out `word_`.
    #[serde(alias = "embedding_dimension")]
    word_embedding_dimension: Option<u64>,
    pooling_mode: Option<OneOrMore>,
    include_prompt: Option<bool>,
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_max_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_sqrt_len_tokens: bool,
    #[serde(default)]
    pooling_mode_weightedmean_tokens: bool,
    #[serde(default)]
    pooling_mode_lasttoken: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Deserialize, Default)]
struct RawPrompts {
    prompts: Option<BTreeMap<String, String>>,
    default_prompt_name: Option<String>,
}

impl EmbeddingRecipe {
    /// Reads `modules.json` of a model's folder and the files that it names. A folder without one
    /// holds a bare transformer; then, as sentence-transformers does, a vector is the mean of the
    /// hidden states, of whatever length.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a file that is there and wrong, [`ModelError::NotFound`] for one
    /// that another promises, [`ModelError::Unsupported`] for a step that this build does not do.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let modules = Modules::read(folder)?;
        let transformer = folder.join(&modules.transformer);
        let (pooling, width) = match &modules.pooling {
            Some(path) => pooling(&folder.join(path).join("config.json"))?,
            None => (Pooling::default(), None),
        };
        let length = length(&transformer)?;
        let prompts: RawPrompts = json::read_if_there(
            &folder.join("config_sentence_transformers.json"),
            CONFIG_BYTES_MAX,
        )?
        .unwrap_or_default();
        let recipe = Self {
            transformer,
            pooling,
            width,
            normalize: modules.normalize,
            tokens_max: length.0,
            lowercase: length.1,
            prompts: prompts.prompts.unwrap_or_default(),
            default_prompt: prompts.default_prompt_name,
        };
        match &recipe.default_prompt {
            Some(name) if !recipe.prompts.contains_key(name) => {
                let path = folder.join("config_sentence_transformers.json");
                let name = label(name);
                Err(json::wrong(&path, format!("`default_prompt_name` names no prompt: `{name}`")))
            }
            _ => Ok(recipe),
        }
    }
}

impl EmbeddingRecipe {
    /// Refuses a pooling that is for another transformer.
    pub(super) fn check_width(&self, folder: &Path, hidden: usize) -> Result<(), ModelError> {
        match self.width {
            Some(width) if width != hidden as u64 => Err(json::wrong(
                folder,
                format!(
                    "its pooling is for hidden states of {width} numbers, but they have {hidden}"
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// The most tokens of a text, and whether it is written in lower case first.
fn length(transformer: &Path) -> Result<(Option<usize>, bool), ModelError> {
    for name in LENGTHS {
        let path = transformer.join(name);
        let Some(raw) = json::read_if_there::<RawLength>(&path, CONFIG_BYTES_MAX)? else {
            continue;
        };
        return match raw.max_seq_length {
            // Every limit fits an address.
            Some(most) if (1..=CONTEXT_MAX).contains(&most) => {
                Ok((Some(most as usize), raw.do_lower_case))
            }
            Some(most) => Err(json::wrong(
                &path,
                format!("`max_seq_length` must be from 1 to {CONTEXT_MAX}, but is {most}"),
            )),
            None => Ok((tokenizer_length(transformer)?, raw.do_lower_case)),
        };
    }
    Ok((tokenizer_length(transformer)?, false))
}

/// What the tokenizer's config says of length; numbers that no context has say nothing.
fn tokenizer_length(transformer: &Path) -> Result<Option<usize>, ModelError> {
    let path = transformer.join("tokenizer_config.json");
    let raw = json::read_if_there::<RawTokenizer>(&path, TOKENIZER_CONFIG_BYTES_MAX)?;
    let most = raw.and_then(|raw| raw.model_max_length);
    Ok(most.filter(|most| (1.0..=CONTEXT_MAX as f64).contains(most)).map(|most| most as usize))
}

/// The pooling of a `1_Pooling/config.json`, and the width of hidden states that it is for.
fn pooling(path: &Path) -> Result<(Pooling, Option<u64>), ModelError> {
    let raw: RawPooling = json::read(path, CONFIG_BYTES_MAX)?;
    if raw.include_prompt == Some(false) {
        return Err(ModelError::Unsupported {
            what: "a pooling that leaves the prompt's tokens out".to_owned(),
            why: format!("`include_prompt` is false in {}", path.display()),
        });
    }
    let width = raw.word_embedding_dimension;
    Ok((Pooling::of(modes(path, raw)?), width))
}

fn modes(path: &Path, raw: RawPooling) -> Result<Vec<PoolingMode>, ModelError> {
    let names = match raw.pooling_mode {
        Some(OneOrMore::One(name)) => vec![name],
        Some(OneOrMore::More(names)) => names,
        None => {
            // In this order their vectors stand side by side.
            let flags = [
                (raw.pooling_mode_cls_token, PoolingMode::Cls),
                (raw.pooling_mode_max_tokens, PoolingMode::Max),
                (raw.pooling_mode_mean_tokens, PoolingMode::Mean),
                (raw.pooling_mode_mean_sqrt_len_tokens, PoolingMode::MeanSqrtLen),
                (raw.pooling_mode_weightedmean_tokens, PoolingMode::WeightedMean),
                (raw.pooling_mode_lasttoken, PoolingMode::LastToken),
            ];
            let wanted = flags.into_iter().filter_map(|(wanted, mode)| wanted.then_some(mode));
            return Ok(wanted.collect());
        }
    };
    // Six modes are all that there are.
    if names.len() > 6 {
        return Err(json::wrong(path, format!("`pooling_mode` names {} modes", names.len())));
    }
    let named = |name: &String| {
        let unknown = || format!("`pooling_mode` is unknown: `{}`", label(name));
        PoolingMode::named(name).ok_or_else(|| json::wrong(path, unknown()))
    };
    names.iter().map(named).collect()
}
