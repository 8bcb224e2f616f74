//! What a post-processor puts around two texts.

use serde_json::Value;

use super::config::Config;
use crate::error::{Result, malformed, within};
use crate::limits::COMPONENTS_MAX;
use crate::tokenizer::added::id_in_range;
use crate::tokenizer::pair::{PairPiece, PairTemplate};

const POST: &str = "tokenizer.json post_processor";

/// The template for two texts, all of one kind where the config does not tell the model kinds.
/// `None` where the post-processor has none that models for pairs use.
/// Its kinds were checked when the template for one text was read.
pub(super) fn template(post_processor: &Value, config: &Config) -> Result<Option<PairTemplate>> {
    let own = match post_processor["processors"].as_array() {
        // Beside one that places special tokens, a sequence holds some that move none.
        Some(parts) => {
            let mut placing = parts.iter().filter(|part| part["type"] != "ByteLevel");
            match (placing.next(), placing.next()) {
                (Some(one), None) => one,
                _ => return Ok(None),
            }
        }
        None => post_processor,
    };
    let pieces = match own["type"].as_str().unwrap_or_default() {
        "BertProcessing" => bert(own)?,
        "RobertaProcessing" => roberta(own)?,
        "TemplateProcessing" => match own["pair"].as_array() {
            Some(pieces) => written(own, pieces)?,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let template = PairTemplate::of(pieces);
    Ok(if config.tells_kinds() { template } else { template.map(PairTemplate::of_one_kind) })
}

/// `[CLS] A [SEP] B [SEP]`, of which the second text and its end are of the second kind.
fn bert(part: &Value) -> Result<Vec<PairPiece>> {
    let (cls, sep) = (id(part, "cls")?, id(part, "sep")?);
    Ok(vec![
        PairPiece::Token { id: cls, kind: 0 },
        PairPiece::First { kind: 0 },
        PairPiece::Token { id: sep, kind: 0 },
        PairPiece::Second { kind: 1 },
        PairPiece::Token { id: sep, kind: 1 },
    ])
}

/// `<s> A </s></s> B </s>`, all of one kind.
fn roberta(part: &Value) -> Result<Vec<PairPiece>> {
    let token = |id| PairPiece::Token { id, kind: 0 };
    let (cls, sep) = (token(id(part, "cls")?), token(id(part, "sep")?));
    let (first, second) = (PairPiece::First { kind: 0 }, PairPiece::Second { kind: 0 });
    Ok(vec![cls, first, sep, sep, second, sep])
}

fn id(part: &Value, name: &str) -> Result<u32> {
    let id = part[name][1].as_u64();
    id.ok_or_else(|| malformed(POST, format!("`{name}` has no id"))).and_then(id_in_range)
}

/// The pieces of a template, as they are written.
fn written(part: &Value, pieces: &[Value]) -> Result<Vec<PairPiece>> {
    within("the pieces of a template", pieces.len(), COMPONENTS_MAX)?;
    let mut read = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let (token, text) = (&piece["SpecialToken"], &piece["Sequence"]);
        let kind = token["type_id"].as_u64().or(text["type_id"].as_u64()).unwrap_or(0);
        let kind = u8::try_from(kind).map_err(|_| malformed(POST, format!("type_id is {kind}")))?;
        match (text["id"].as_str(), token["id"].as_str()) {
            (Some("A"), _) => read.push(PairPiece::First { kind }),
            (Some("B"), _) => read.push(PairPiece::Second { kind }),
            (None, Some(name)) => {
                let ids = part["special_tokens"][name]["ids"].as_array().ok_or_else(|| {
                    malformed(POST, format!("the template's token `{name}` has no ids"))
                })?;
                within("the ids of a template's token", ids.len(), COMPONENTS_MAX)?;
                for id in ids {
                    let id = id.as_u64().ok_or_else(|| malformed(POST, "an id is no number"))?;
                    read.push(PairPiece::Token { id: id_in_range(id)?, kind });
                }
            }
            _ => return Err(malformed(POST, "a template's piece is no token and no text")),
        }
    }
    Ok(read)
}
