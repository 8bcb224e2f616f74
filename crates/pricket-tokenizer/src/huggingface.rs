//! `tokenizer.json` and `tokenizer_config.json`, checked part by part before anything is built.

mod charsmap;
mod components;
pub(crate) mod config;
mod direct;
mod pair;
mod unigram;

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use tokenizers::{ModelWrapper, NormalizerWrapper, PreTokenizerWrapper};

use crate::error::{Result, TokenizerError, malformed, within};
use crate::limits::ADDED_TOKENS_MAX;
use crate::tokenizer::added::{AddedToken, AddedTokens, id_in_range};
use crate::tokenizer::bpe::{self, BpeOptions};
use crate::tokenizer::decoding::DecodeRule;
use crate::tokenizer::pipeline::{Components, Pipeline};
use crate::tokenizer::vocabulary::{Entry, Vocabulary};
use crate::tokenizer::{NamedIds, Parts};
use config::Config;
use direct::Model;

const FILE: &str = "tokenizer.json";
const VOCAB: &str = "tokenizer.json model.vocab";
const MERGES: &str = "tokenizer.json model.merges";
const ADDED: &str = "tokenizer.json added_tokens";

/// Reads both files.
pub(crate) fn parts(bytes: &[u8], config: Option<&[u8]>) -> Result<Parts> {
    let mut file: Value =
        serde_json::from_slice(bytes).map_err(|error| malformed(FILE, error.to_string()))?;
    if !file.is_object() {
        return Err(malformed(FILE, "it is no JSON object"));
    }
    let config = config.map(config::parse).transpose()?;
    let config = config.as_ref().map(Config::of).unwrap_or_default();
    let normalizer = components::normalizer(&file["normalizer"])?;
    let pre_tokenizer = components::pre_tokenizer(&file["pre_tokenizer"])?;
    let rule = DecodeRule::from_json(file.get("decoder"))?;
    let mut model = file["model"].take();
    let (ids, mut entries) = vocabulary(&mut model)?;
    let added = added_tokens(&file["added_tokens"], &config, &ids)?;
    for token in &added {
        let id = token.id as usize;
        if entries.len() <= id {
            entries.resize(id + 1, None);
        }
        let text = decoded_form(normalizer.as_ref(), token)?;
        entries[id] = Some(Entry { text: text.into(), special: token.special });
    }
    let special: Vec<u32> = added.iter().filter(|own| own.special).map(|own| own.id).collect();
    let added = AddedTokens::new(added, |text| Components::normalized(normalizer.as_ref(), text))?;
    let id_of = |text: &String| added.id_of(text).or_else(|| ids.get(text).copied());
    let named = NamedIds {
        bos: config.bos.as_ref().and_then(id_of),
        eos: config.eos.as_ref().and_then(id_of),
        unk: config.unk.as_ref().and_then(id_of),
        pad: config.pad.as_ref().and_then(id_of),
    };
    let (prefix, suffix) = prompt_ids(&file["post_processor"], &config, named)?;
    let pair = pair::template(&file["post_processor"], &config)?;
    let pipeline = match model["type"].as_str().unwrap_or("BPE") {
        "BPE" => {
            let (options, merges) = (bpe_options(&model)?, merges(model["merges"].take())?);
            let resolved = bpe::resolve(MERGES, &ids, &merges, options.unk.as_deref())?;
            let parts = Model { ids: &ids, merges: &resolved, options: &options };
            let direct = direct::direct(&file["normalizer"], &file["pre_tokenizer"], parts);
            if let Some(direct) = direct {
                Pipeline::Direct(Box::new(direct))
            } else {
                let model = bpe::build(MERGES, &ids, merges, options)?;
                components(normalizer, pre_tokenizer, model)
            }
        }
        "Unigram" => components(normalizer, pre_tokenizer, unigram::model(model, &special)?),
        kind => {
            let model = components::word_model(kind, &model, &ids)?;
            components(normalizer, pre_tokenizer, model)
        }
    };
    let vocabulary = Vocabulary::new(&entries, rule)?;
    Ok(Parts { pipeline, added, vocabulary, prefix, suffix, pair, named })
}

fn components(
    normalizer: Option<NormalizerWrapper>,
    pre_tokenizer: Option<PreTokenizerWrapper>,
    model: ModelWrapper,
) -> Pipeline {
    Pipeline::Components(Box::new(Components { normalizer, pre_tokenizer, model }))
}

/// The text that decoding starts from: the normalised form of a token that is found in it.
fn decoded_form(normalizer: Option<&NormalizerWrapper>, token: &AddedToken) -> Result<String> {
    if token.normalized {
        Components::normalized(normalizer, &token.text)
    } else {
        Ok(token.text.clone())
    }
}

/// What goes around a prompt: what the post-processor says; where it says nothing, what the flags
/// of `tokenizer_config.json` say.
fn prompt_ids(
    post_processor: &Value,
    config: &Config,
    named: NamedIds,
) -> Result<(Vec<u32>, Vec<u32>)> {
    let (mut prefix, mut suffix) = (Vec::new(), Vec::new());
    components::prompt_ids(post_processor, 0, &mut prefix, &mut suffix)?;
    if prefix.is_empty() && suffix.is_empty() {
        prefix.extend(named.bos.filter(|_| config.add_bos));
        suffix.extend(named.eos.filter(|_| config.add_eos));
    }
    Ok((prefix, suffix))
}

/// The ids of a model's tokens, and the tokens by id.
type Tokens = (HashMap<String, u32>, Vec<Option<Entry<'static>>>);

/// The tokens of a model of a known kind.
fn vocabulary(model: &mut Value) -> Result<Tokens> {
    let kind = model["type"].as_str().unwrap_or("BPE");
    if kind == "Unigram" {
        return unigram::tokens(&model["vocab"]);
    }
    if !matches!(kind, "BPE" | "WordPiece" | "WordLevel") {
        return Err(TokenizerError::Unsupported {
            what: "tokenizer.json model.type",
            value: kind.to_owned(),
            remedy: "BPE, Unigram, WordPiece and WordLevel are supported",
        });
    }
    let Value::Object(vocab) = model["vocab"].take() else {
        return Err(malformed(VOCAB, "it is no JSON object"));
    };
    let mut ids = HashMap::with_capacity(vocab.len());
    let mut entries: Vec<Option<Entry<'static>>> = Vec::with_capacity(vocab.len());
    for (text, id) in vocab {
        let id = id.as_u64().ok_or_else(|| malformed(VOCAB, format!("`{text}` has no id")))?;
        let id = id_in_range(id)?;
        if entries.len() <= id as usize {
            entries.resize(id as usize + 1, None);
        }
        let slot = &mut entries[id as usize];
        if let Some(other) = slot {
            return Err(malformed(VOCAB, format!("`{text}` and `{}` share an id", other.text)));
        }
        *slot = Some(Entry { text: text.clone().into(), special: false });
        ids.insert(text, id);
    }
    Ok((ids, entries))
}

/// The switches of a BPE model.
fn bpe_options(model: &Value) -> Result<BpeOptions> {
    let text = |name: &str| model[name].as_str().filter(|text| !text.is_empty());
    let refuse = |what: &'static str, value: &Value| TokenizerError::Unsupported {
        what,
        value: value.to_string(),
        remedy: "it must be null",
    };
    if model["dropout"].as_f64().is_some_and(|dropout| dropout != 0.0) {
        return Err(refuse("tokenizer.json model.dropout", &model["dropout"]));
    }
    if text("continuing_subword_prefix").is_some() {
        let value = &model["continuing_subword_prefix"];
        return Err(refuse("tokenizer.json model.continuing_subword_prefix", value));
    }
    let flag = |name: &str| model[name].as_bool().unwrap_or(false);
    Ok(BpeOptions {
        unk: text("unk_token").map(str::to_owned),
        end_of_word_suffix: text("end_of_word_suffix").map(str::to_owned),
        fuse_unk: flag("fuse_unk"),
        byte_fallback: flag("byte_fallback"),
        ignore_merges: flag("ignore_merges"),
    })
}

/// The merges, as pairs or as texts with a space between.
fn merges(merges: Value) -> Result<Vec<(String, String)>> {
    let Value::Array(merges) = merges else {
        return Err(malformed(MERGES, "it is no JSON array"));
    };
    let mut pairs = Vec::with_capacity(merges.len());
    for (rank, merge) in merges.into_iter().enumerate() {
        let pair = match &merge {
            Value::String(text) if text.starts_with("#version") => continue,
            Value::String(text) => text.split_once(' ').filter(|(_, right)| !right.contains(' ')),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(left), Value::String(right)] => {
                    Some((left.as_str(), right.as_str()))
                }
                _ => None,
            },
            _ => None,
        };
        let (left, right) =
            pair.ok_or_else(|| malformed(MERGES, format!("merge {rank} is no pair of texts")))?;
        pairs.push((left.to_owned(), right.to_owned()));
    }
    Ok(pairs)
}

/// The added tokens, numbered as `tokenizers` numbers them: a token of the model keeps its id, the
/// others follow one another behind the vocabulary.
fn added_tokens(
    list: &Value,
    config: &Config,
    ids: &HashMap<String, u32>,
) -> Result<Vec<AddedToken>> {
    let empty = Vec::new();
    let list = match list {
        Value::Null => &empty,
        Value::Array(list) => list,
        _ => return Err(malformed(ADDED, "it is no JSON array")),
    };
    within("the number of added tokens", list.len(), ADDED_TOKENS_MAX)?;
    let mut added: Vec<AddedToken> = Vec::with_capacity(list.len());
    let mut seen = HashSet::new();
    let mut next = ids.len() as u64;
    let mut push = |mut token: AddedToken, declared: Option<u64>| -> Result<()> {
        if token.text.is_empty() || !seen.insert(token.text.clone()) {
            return Ok(());
        }
        let id = if let Some(&id) = ids.get(&token.text) {
            u64::from(id)
        } else {
            next += 1;
            next - 1
        };
        if declared.is_some_and(|declared| declared != id) {
            tracing::warn!(token = token.text, ?declared, id, "an added token has another id");
        }
        token.id = id_in_range(id)?;
        added.push(token);
        Ok(())
    };
    for token in list {
        let text = token["content"].as_str();
        let text = text.ok_or_else(|| malformed(ADDED, "a token has no content"))?;
        let flag = |name: &str, default: bool| token[name].as_bool().unwrap_or(default);
        let special = flag("special", false);
        let token_here = AddedToken {
            id: 0,
            text: text.to_owned(),
            single_word: flag("single_word", false),
            lstrip: flag("lstrip", false),
            rstrip: flag("rstrip", false),
            normalized: flag("normalized", !special),
            special,
        };
        push(token_here, token["id"].as_u64())?;
    }
    for text in config.named_texts() {
        // A token with a role is special even where only the config says so.
        if ids.contains_key(text) {
            push(plain_special(text), None)?;
        }
    }
    Ok(added)
}

/// A special token without any switch.
fn plain_special(text: &str) -> AddedToken {
    AddedToken {
        id: 0,
        text: text.to_owned(),
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
    }
}
