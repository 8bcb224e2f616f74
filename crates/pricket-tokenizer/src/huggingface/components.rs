//! The components of a `tokenizer.json`: only known kinds are built, and only after what their
//! builders take for granted has been checked.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokenizers::{ModelWrapper, NormalizerWrapper, PreTokenizerWrapper};

use super::charsmap;
use crate::error::{Result, TokenizerError, malformed, within};
use crate::limits::{COMPONENT_DEPTH_MAX, COMPONENTS_MAX, REGEX_BYTES_MAX};
use crate::tokenizer::added::id_in_range;

/// The one regular expression by which normalisers replace: what SentencePiece does to spaces.
const SPACES: &str = " {2,}";

const POST: &str = "tokenizer.json post_processor";

/// One kind of component: its name, its known types, and where a sequence keeps its parts.
struct Family {
    what: &'static str,
    types: &'static [&'static str],
    list: &'static str,
    remedy: &'static str,
}

const NORMALIZERS: Family = Family {
    what: "tokenizer.json normalizer",
    types: &[
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
        "Lowercase",
        "Strip",
        "StripAccents",
        "Prepend",
        "Replace",
        "Precompiled",
        "BertNormalizer",
    ],
    list: "normalizers",
    remedy: "the Unicode forms, Lowercase, Strip, StripAccents, Prepend, Replace of a text or of \
             ` {2,}`, Precompiled and BertNormalizer are supported",
};

const PRE_TOKENIZERS: Family = Family {
    what: "tokenizer.json pre_tokenizer",
    types: &[
        "ByteLevel",
        "Split",
        "Digits",
        "Metaspace",
        "Whitespace",
        "WhitespaceSplit",
        "Punctuation",
        "BertPreTokenizer",
    ],
    list: "pretokenizers",
    remedy: "ByteLevel, Split, Digits, Metaspace, Whitespace, WhitespaceSplit, Punctuation and \
             BertPreTokenizer are supported",
};

/// Builds the normaliser.
pub(super) fn normalizer(description: &Value) -> Result<Option<NormalizerWrapper>> {
    build(&NORMALIZERS, description)
}

/// Builds the pre-tokeniser.
pub(super) fn pre_tokenizer(description: &Value) -> Result<Option<PreTokenizerWrapper>> {
    build(&PRE_TOKENIZERS, description)
}

fn build<T: DeserializeOwned>(family: &Family, description: &Value) -> Result<Option<T>> {
    if description.is_null() {
        return Ok(None);
    }
    let mut count = 0;
    check(family, description, 0, &mut count)?;
    serde_json::from_value(description.clone())
        .map(Some)
        .map_err(|error| malformed(family.what, error.to_string()))
}

/// Looks at every part of a description.
fn check(family: &Family, part: &Value, depth: usize, count: &mut usize) -> Result<()> {
    *count += 1;
    if depth > COMPONENT_DEPTH_MAX || *count > COMPONENTS_MAX {
        return Err(malformed(family.what, "it nests too deep or is too long"));
    }
    let kind = part["type"].as_str().unwrap_or_default();
    if kind == "Sequence" {
        let parts = part[family.list]
            .as_array()
            .ok_or_else(|| malformed(family.what, "a Sequence without its list"))?;
        return parts.iter().try_for_each(|part| check(family, part, depth + 1, count));
    }
    if !family.types.contains(&kind) {
        return Err(unsupported(family, kind));
    }
    if kind == "Precompiled" {
        return charsmap::check(part["precompiled_charsmap"].as_str().unwrap_or_default());
    }
    let pattern = &part["pattern"];
    if let Some(text) = pattern.as_str().or_else(|| pattern["String"].as_str()) {
        within("a pattern's length in bytes", text.len(), REGEX_BYTES_MAX)?;
        if text.is_empty() {
            return Err(malformed(family.what, "a pattern is empty"));
        }
    }
    if let Some(regex) = pattern["Regex"].as_str() {
        within("a regular expression's length in bytes", regex.len(), REGEX_BYTES_MAX)?;
        if kind == "Replace" && regex != SPACES {
            return Err(unsupported(family, "Replace by a regular expression"));
        }
    }
    Ok(())
}

fn unsupported(family: &Family, kind: &str) -> TokenizerError {
    TokenizerError::Unsupported { what: family.what, value: kind.to_owned(), remedy: family.remedy }
}

/// The ids that a post-processor puts around a single text. What comes first in a sequence of
/// post-processors is nearest to the text.
pub(super) fn prompt_ids(
    part: &Value,
    depth: usize,
    prefix: &mut Vec<u32>,
    suffix: &mut Vec<u32>,
) -> Result<()> {
    if depth > COMPONENT_DEPTH_MAX {
        return Err(malformed(POST, "it nests too deep"));
    }
    if part.is_null() {
        return Ok(());
    }
    match part["type"].as_str().unwrap_or_default() {
        "ByteLevel" => Ok(()),
        "Sequence" => {
            let parts = part["processors"]
                .as_array()
                .ok_or_else(|| malformed(POST, "a Sequence without `processors`"))?;
            within("the number of post-processors", parts.len(), COMPONENTS_MAX)?;
            parts.iter().try_for_each(|part| prompt_ids(part, depth + 1, prefix, suffix))
        }
        "TemplateProcessing" => template(part, prefix, suffix),
        "BertProcessing" | "RobertaProcessing" => {
            let id = |name: &str| {
                part[name][1]
                    .as_u64()
                    .ok_or_else(|| malformed(POST, format!("`{name}` has no id")))
                    .and_then(id_in_range)
            };
            prefix.insert(0, id("cls")?);
            suffix.push(id("sep")?);
            Ok(())
        }
        kind => Err(TokenizerError::Unsupported {
            what: POST,
            value: kind.to_owned(),
            remedy: "ByteLevel, TemplateProcessing, BertProcessing and RobertaProcessing are \
                     supported",
        }),
    }
}

/// A template such as `<s> $A </s>`.
fn template(part: &Value, prefix: &mut Vec<u32>, suffix: &mut Vec<u32>) -> Result<()> {
    let single = part["single"]
        .as_array()
        .ok_or_else(|| malformed(POST, "TemplateProcessing without `single`"))?;
    within("the pieces of a template", single.len(), COMPONENTS_MAX)?;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut is_before = true;
    for piece in single {
        if piece.get("Sequence").is_some() {
            if !is_before {
                return Err(malformed(POST, "a template for one text names it twice"));
            }
            is_before = false;
            continue;
        }
        let name = piece["SpecialToken"]["id"]
            .as_str()
            .ok_or_else(|| malformed(POST, "a template's piece is no token and no text"))?;
        let ids = part["special_tokens"][name]["ids"]
            .as_array()
            .ok_or_else(|| malformed(POST, format!("the template's token `{name}` has no ids")))?;
        within("the ids of a template's token", ids.len(), COMPONENTS_MAX)?;
        for id in ids {
            let id = id.as_u64().ok_or_else(|| malformed(POST, "an id is no number"))?;
            if is_before { &mut before } else { &mut after }.push(id_in_range(id)?);
        }
    }
    if is_before {
        return Err(malformed(POST, "a template leaves the text out"));
    }
    prefix.splice(0..0, before);
    suffix.extend(after);
    Ok(())
}

/// A `WordPiece` or `WordLevel` model.
pub(super) fn word_model(
    kind: &str,
    model: &Value,
    ids: &HashMap<String, u32>,
) -> Result<ModelWrapper> {
    const WHAT: &str = "tokenizer.json model";
    let unk = model["unk_token"].as_str().unwrap_or("[UNK]");
    if !ids.contains_key(unk) {
        return Err(malformed(WHAT, format!("the unknown token `{unk}` is not in it")));
    }
    let description = json!({
        "type": kind,
        "unk_token": unk,
        "continuing_subword_prefix":
            model["continuing_subword_prefix"].as_str().unwrap_or("##"),
        "max_input_chars_per_word":
            model["max_input_chars_per_word"].as_u64().unwrap_or(100).min(10_000),
        "vocab": ids,
    });
    serde_json::from_value(description).map_err(|error| malformed(WHAT, error.to_string()))
}
