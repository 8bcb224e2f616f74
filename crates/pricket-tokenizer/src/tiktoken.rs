//! A `tiktoken.model`: a line for each token, its bytes in base64 and its rank, which is its id.
//!
//! The file has no special tokens and no splitting; both are in the code that comes with a model.
//! Known here is that of Kimi (`TikTokenTokenizer`): 256 special tokens behind the ranks, named in
//! `tokenizer_config.json` or else `<|reserved_token_ID|>`, and runs of Han as words of their own.
//!
//! All 256 can be parsed in scaffolding and stay text in content, as in that code. Those that the
//! config calls not special (marks of tool calls) are shown to readers. That code also cuts texts
//! of more than 400,000 characters, and runs of more than 25,000 without a change between space
//! and word, before it encodes them; here a text is one text.

pub(crate) mod base64;

use std::collections::HashMap;

use serde_json::Value;

use crate::error::{Result, TokenizerError, malformed, within};
use crate::gguf::splitting::KIMI_K2;
use crate::huggingface::config::{self, Config};
use crate::limits::{
    RANK_TOKEN_BYTES_MAX, RANKS_FILE_BYTES_MAX, RESERVED_TOKENS_COUNT, VOCAB_SIZE_MAX,
};
use crate::tokenizer::added::{AddedToken, AddedTokens};
use crate::tokenizer::byte_alphabet::alphabet_char;
use crate::tokenizer::decoding::DecodeRule;
use crate::tokenizer::direct::{Direct, Marking};
use crate::tokenizer::pairs::Pairs;
use crate::tokenizer::pipeline::Pipeline;
use crate::tokenizer::splitter::Splitter;
use crate::tokenizer::vocabulary::{Entry, Vocabulary};
use crate::tokenizer::{NamedIds, Parts};

const FILE: &str = "tiktoken.model";
const CONFIG: &str = "tokenizer_config.json added_tokens_decoder";

/// The class whose splitting and special tokens are known.
const CLASS: &str = "TikTokenTokenizer";

/// Puts the tokenizer together.
pub(crate) fn parts(bytes: &[u8], config: Option<&[u8]>) -> Result<Parts> {
    let tokens = ranks(bytes)?;
    let file = config.map(config::parse).transpose()?.unwrap_or_default();
    if let Some(class) = file["tokenizer_class"].as_str()
        && class != CLASS
    {
        return Err(TokenizerError::Unsupported {
            what: "tokenizer_class of a tiktoken.model",
            value: class.to_owned(),
            remedy: "Kimi's `TikTokenTokenizer` is supported; give the model's tokenizer.json \
                     instead",
        });
    }
    let reserved = reserved(&file, tokens.len())?;
    let mut entries: Vec<Option<Entry<'_>>> = tokens
        .iter()
        .map(|bytes| {
            let text: String = bytes.iter().map(|&byte| alphabet_char(byte)).collect();
            Some(Entry { text: text.into(), special: false })
        })
        .collect();
    entries.extend(
        reserved.iter().map(|token| {
            Some(Entry { text: token.text.as_str().into(), special: token.is_hidden })
        }),
    );
    let vocabulary = Vocabulary::new(&entries, DecodeRule::byte_level())?;
    let added: Vec<AddedToken> = reserved.into_iter().map(|token| token.added).collect();
    let added = AddedTokens::new(added, |text| Ok(text.to_owned()))?;
    let config = Config::of(&file);
    let id_of = |text: &Option<String>| text.as_ref().and_then(|text| added.id_of(text));
    let named = NamedIds {
        bos: id_of(&config.bos),
        eos: id_of(&config.eos),
        unk: id_of(&config.unk),
        pad: id_of(&config.pad),
    };
    let splitter = Splitter::default()
        .with_pattern(KIMI_K2)
        .ok_or_else(|| malformed(FILE, "its splitting does not compile"))?;
    let direct = Direct {
        changes: Vec::new(),
        marking: Marking::None,
        splitter,
        pairs: Pairs::of_ranks(FILE, &tokens)?,
    };
    Ok(Parts {
        pipeline: Pipeline::Direct(Box::new(direct)),
        added,
        vocabulary,
        prefix: named.bos.filter(|_| config.add_bos).into_iter().collect(),
        suffix: named.eos.filter(|_| config.add_eos).into_iter().collect(),
        pair: None,
        named,
    })
}

/// The tokens by rank.
fn ranks(bytes: &[u8]) -> Result<Vec<Box<[u8]>>> {
    within("tiktoken.model in bytes", bytes.len(), RANKS_FILE_BYTES_MAX)?;
    let mut tokens: Vec<Option<Box<[u8]>>> = Vec::new();
    let mut ids: HashMap<Box<[u8]>, usize> = HashMap::new();
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let wrong = |why: &str| malformed(FILE, format!("line {}: {why}", number + 1));
        let mut fields = line.split(|&byte| byte == b' ');
        let (Some(text), Some(rank), None) = (fields.next(), fields.next(), fields.next()) else {
            return Err(wrong("it is no token and rank with a space between"));
        };
        let token = base64::decode(text).ok_or_else(|| wrong("its token is no base64"))?;
        within("a ranked token's length in bytes", token.len(), RANK_TOKEN_BYTES_MAX)?;
        if token.is_empty() {
            return Err(wrong("its token is empty"));
        }
        let rank = std::str::from_utf8(rank).ok().and_then(|rank| rank.parse::<usize>().ok());
        let rank = rank.ok_or_else(|| wrong("its rank is no number"))?;
        within("a rank", rank, VOCAB_SIZE_MAX - 1)?;
        if let Some(other) = ids.insert(token.clone().into(), rank) {
            return Err(wrong(&format!("its token has the rank {other} already")));
        }
        if tokens.len() <= rank {
            tokens.resize(rank + 1, None);
        }
        match &mut tokens[rank] {
            Some(_) => return Err(wrong("its rank is another token's")),
            free => *free = Some(token.into()),
        }
    }
    let gap = tokens.iter().position(Option::is_none);
    if let Some(rank) = gap {
        return Err(malformed(FILE, format!("no token has the rank {rank}")));
    }
    Ok(tokens.into_iter().flatten().collect())
}

/// A special token.
#[derive(Debug)]
struct Reserved {
    text: String,
    /// Readers do not see it.
    is_hidden: bool,
    added: AddedToken,
}

/// The special tokens, by id from the first one behind the ranks.
fn reserved(config: &Value, first: usize) -> Result<Vec<Reserved>> {
    let mut named: HashMap<usize, (&str, bool)> = HashMap::new();
    let range = first..first + RESERVED_TOKENS_COUNT;
    match &config["added_tokens_decoder"] {
        Value::Null => {}
        Value::Object(list) => {
            for (id, token) in list {
                let wrong = |why: &str| malformed(CONFIG, format!("token {id}: {why}"));
                let id = id.parse::<usize>().ok().filter(|id| range.contains(id));
                let id =
                    id.ok_or_else(|| wrong("its id is no number of the 256 behind the ranks"))?;
                let text = token["content"].as_str().filter(|text| !text.is_empty());
                let text = text.ok_or_else(|| wrong("it has no content"))?;
                named.insert(id, (text, token["special"] != false));
            }
        }
        _ => return Err(malformed(CONFIG, "it is no JSON object")),
    }
    let mut seen = HashMap::new();
    range
        .map(|id| {
            let (text, is_hidden) = match named.get(&id) {
                Some(&(text, is_hidden)) => (text.to_owned(), is_hidden),
                None => (format!("<|reserved_token_{id}|>"), true),
            };
            if let Some(other) = seen.insert(text.clone(), id) {
                return Err(malformed(CONFIG, format!("`{text}` has the ids {other} and {id}")));
            }
            let added = AddedToken {
                id: id as u32,
                text: text.clone(),
                single_word: false,
                lstrip: false,
                rstrip: false,
                normalized: false,
                special: true,
            };
            Ok(Reserved { text, is_hidden, added })
        })
        .collect()
}
