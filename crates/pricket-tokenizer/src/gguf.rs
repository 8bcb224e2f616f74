//! The vocabulary of a GGUF file's metadata (`tokenizer.ggml.*`).

pub(crate) mod splitting;
mod wordpiece;

use std::collections::HashMap;

use crate::error::{Result, TokenizerError, malformed, within};
use crate::limits::{ADDED_TOKENS_MAX, VOCAB_SIZE_MAX};
use crate::tokenizer::added::{AddedToken, AddedTokens};
use crate::tokenizer::bpe::{self, BpeOptions};
use crate::tokenizer::decoding::DecodeRule;
use crate::tokenizer::direct::{Change, Direct, Marking};
use crate::tokenizer::pairs::{Alphabet, Pairs};
use crate::tokenizer::pipeline::{Components, Pipeline};
use crate::tokenizer::sentencepiece::SentencePiece;
use crate::tokenizer::vocabulary::{Entry, Vocabulary};
use crate::tokenizer::{NamedIds, Parts};

/// GGUF's token types.
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;

/// The metadata that describe a vocabulary, field by field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GgufVocab {
    /// `tokenizer.ggml.model`: `gpt2` (byte-level BPE), `llama` (SentencePiece) or `bert`
    /// (WordPiece).
    pub model: String,
    /// `tokenizer.ggml.pre`: how text is split before BPE.
    pub pre: Option<String>,
    /// The tokens, by id.
    pub tokens: Vec<String>,
    /// The tokens' scores, by id.
    pub scores: Vec<f32>,
    /// The tokens' types, by id (1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte).
    pub token_types: Vec<i32>,
    /// The merges, most important first, each two pieces with a space between.
    pub merges: Vec<String>,
    /// The beginning-of-sequence token.
    pub bos_id: Option<u32>,
    /// The end-of-sequence token.
    pub eos_id: Option<u32>,
    /// The unknown token.
    pub unknown_id: Option<u32>,
    /// The padding token.
    pub padding_id: Option<u32>,
    /// Whether a beginning-of-sequence token is put in front of a prompt.
    pub add_bos: Option<bool>,
    /// Whether an end-of-sequence token is put behind a prompt.
    pub add_eos: Option<bool>,
    /// Whether SentencePiece puts a space in front.
    pub add_space_prefix: Option<bool>,
    /// Whether WordPiece sees texts in lower case; where the file does not say, it does unless the
    /// vocabulary has capital letters.
    pub lowercase: Option<bool>,
    /// Whether WordPiece sees letters without their accents; as `lowercase` where the file does not
    /// say.
    pub strip_accents: Option<bool>,
}

/// Puts the tokenizer together.
pub(crate) fn parts(vocab: &GgufVocab) -> Result<Parts> {
    check(vocab)?;
    let (pipeline, rule, adds_bos) = match vocab.model.as_str() {
        "gpt2" => byte_level(vocab)?,
        "llama" => sentencepiece(vocab)?,
        "bert" => return wordpiece::parts(vocab),
        _ => {
            return Err(TokenizerError::Unsupported {
                what: "tokenizer.ggml.model",
                value: vocab.model.clone(),
                remedy: "`gpt2`, `llama` and `bert` are supported; give the model's tokenizer.json \
                         instead",
            });
        }
    };
    let is_special = |id: usize| {
        let kind = vocab.token_types.get(id).copied().unwrap_or(1);
        kind == CONTROL || kind == UNKNOWN
    };
    let entries: Vec<Option<Entry<'_>>> = vocab
        .tokens
        .iter()
        .enumerate()
        .map(|(id, text)| Some(Entry { text: text.into(), special: is_special(id) }))
        .collect();
    let added = added_tokens(vocab)?;
    let wanted = |flag: Option<bool>, default: bool, id: Option<u32>| {
        id.filter(|_| flag.unwrap_or(default)).into_iter().collect()
    };
    Ok(Parts {
        pipeline,
        added: AddedTokens::new(added, |text| Ok(text.to_owned()))?,
        vocabulary: Vocabulary::new(&entries, rule)?,
        prefix: wanted(vocab.add_bos, adds_bos, vocab.bos_id),
        pair: None,
        suffix: wanted(vocab.add_eos, false, vocab.eos_id),
        named: NamedIds {
            bos: vocab.bos_id,
            eos: vocab.eos_id,
            unk: vocab.unknown_id,
            pad: vocab.padding_id,
        },
    })
}

/// Lengths and ids against each other and against the limits.
fn check(vocab: &GgufVocab) -> Result<()> {
    let count = vocab.tokens.len();
    within("the vocabulary's size", count, VOCAB_SIZE_MAX)?;
    within("the number of merges", vocab.merges.len(), 2 * VOCAB_SIZE_MAX)?;
    if count == 0 {
        return Err(malformed("tokenizer.ggml.tokens", "it is empty"));
    }
    for (what, len) in [
        ("tokenizer.ggml.scores", vocab.scores.len()),
        ("tokenizer.ggml.token_type", vocab.token_types.len()),
    ] {
        if len != 0 && len != count {
            return Err(malformed(what, format!("it has {len} entries for {count} tokens")));
        }
    }
    if let Some(id) = vocab.scores.iter().position(|score| score.is_nan()) {
        return Err(malformed("tokenizer.ggml.scores", format!("token {id} has no number")));
    }
    for (what, id) in [
        ("tokenizer.ggml.bos_token_id", vocab.bos_id),
        ("tokenizer.ggml.eos_token_id", vocab.eos_id),
        ("tokenizer.ggml.unknown_token_id", vocab.unknown_id),
        ("tokenizer.ggml.padding_token_id", vocab.padding_id),
    ] {
        if let Some(id) = id
            && id as usize >= count
        {
            return Err(malformed(what, format!("id {id} is not below {count}")));
        }
    }
    Ok(())
}

/// The ids by text; of tokens with the same text the first counts.
fn ids(vocab: &GgufVocab) -> HashMap<String, u32> {
    // The last one that comes counts.
    let from_the_end = vocab.tokens.iter().enumerate().rev();
    from_the_end.map(|(id, text)| (text.clone(), id as u32)).collect()
}

/// Byte-level BPE.
fn byte_level(vocab: &GgufVocab) -> Result<(Pipeline, DecodeRule, bool)> {
    const MERGES: &str = "tokenizer.ggml.merges";
    let name = vocab.pre.as_deref().unwrap_or("default");
    let splitting = splitting::named(name)
        .ok_or_else(|| TokenizerError::PreTokenizerUnknown { name: name.to_owned() })?;
    let merges = vocab
        .merges
        .iter()
        .enumerate()
        .map(|(rank, merge)| {
            merge
                .split_once(' ')
                .map(|(left, right)| (left.to_owned(), right.to_owned()))
                .ok_or_else(|| malformed(MERGES, format!("merge {rank} has no space")))
        })
        .collect::<Result<Vec<_>>>()?;
    let ids = ids(vocab);
    let resolved = bpe::resolve(MERGES, &ids, &merges, None)?;
    let whole_words = splitting.ignore_merges;
    let pipeline = if let Some(splitter) = splitting.splitter() {
        Pipeline::Direct(Box::new(Direct {
            changes: if splitting.nfc { vec![Change::Nfc] } else { Vec::new() },
            marking: Marking::None,
            splitter,
            pairs: Pairs::new(&ids, &resolved, Alphabet::of_bytes(&ids), whole_words),
        }))
    } else {
        let options = BpeOptions { ignore_merges: whole_words, ..BpeOptions::default() };
        Pipeline::Components(Box::new(Components {
            normalizer: splitting.normalizer()?,
            pre_tokenizer: Some(splitting.pre_tokenizer()?),
            model: bpe::build(MERGES, &ids, merges, options)?,
        }))
    };
    Ok((pipeline, DecodeRule::byte_level(), splitting.adds_bos))
}

/// SentencePiece by scores.
fn sentencepiece(vocab: &GgufVocab) -> Result<(Pipeline, DecodeRule, bool)> {
    if vocab.scores.is_empty() {
        return Err(malformed("tokenizer.ggml.scores", "a `llama` vocabulary needs them"));
    }
    let has_prefix = vocab.add_space_prefix.unwrap_or(true);
    let model = SentencePiece::new(ids(vocab), vocab.scores.clone(), vocab.unknown_id, has_prefix);
    Ok((Pipeline::SentencePiece(model), DecodeRule::sentencepiece(has_prefix), true))
}

/// Control and unknown tokens are special; user-defined ones are found in any text.
fn added_tokens(vocab: &GgufVocab) -> Result<Vec<AddedToken>> {
    let mut added = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (id, (text, &kind)) in vocab.tokens.iter().zip(&vocab.token_types).enumerate() {
        let is_added = matches!(kind, UNKNOWN | CONTROL | USER_DEFINED);
        if !is_added || text.is_empty() || !seen.insert(text.as_str()) {
            continue;
        }
        added.push(AddedToken {
            id: id as u32,
            text: text.clone(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: kind != USER_DEFINED,
        });
    }
    within("the number of added tokens", added.len(), ADDED_TOKENS_MAX)?;
    Ok(added)
}
