//! Which `tokenizer.json` files the direct way knows. It is held against `tokenizers` in the
//! tests; all that it does not know goes through `tokenizers` itself.

use std::collections::HashMap;

use serde_json::Value;

use crate::tokenizer::bpe::BpeOptions;
use crate::tokenizer::decoding::SPACE_MARK;
use crate::tokenizer::direct::{Change, Direct, Marking};
use crate::tokenizer::pairs::{Alphabet, CharTable, Pairs};
use crate::tokenizer::splitter::{GPT2, Splitter};

/// A BPE model as the file has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model<'a> {
    pub(super) ids: &'a HashMap<String, u32>,
    pub(super) merges: &'a [[u32; 3]],
    pub(super) options: &'a BpeOptions,
}

/// The direct way, where the file's parts are all known to it.
pub(super) fn direct(normalizer: &Value, pre: &Value, model: Model<'_>) -> Option<Direct> {
    if model.options.end_of_word_suffix.is_some() {
        return None;
    }
    let mut changes = Vec::new();
    for part in parts(normalizer, "normalizers")? {
        changes.push(change(part)?);
    }
    let mut split = Splitting::default();
    for part in parts(pre, "pretokenizers")? {
        split = split.with(part, &changes)?;
    }
    let unk = model.options.unk.as_ref().and_then(|unk| model.ids.get(unk)).copied();
    let alphabet = if split.has_bytes {
        // An unknown token would stand for a byte that has none.
        Some(Alphabet::of_bytes(model.ids)).filter(|bytes| bytes.is_whole() || unk.is_none())?
    } else {
        let options = model.options;
        let table = CharTable::new(model.ids, options.byte_fallback, unk, options.fuse_unk);
        Alphabet::Chars(table)
    };
    let pairs = Pairs::new(model.ids, model.merges, alphabet, model.options.ignore_merges);
    Some(Direct { changes, marking: split.marking, splitter: split.splitter, pairs })
}

/// The parts of a component, in order; `None` where sequences nest.
fn parts<'a>(component: &'a Value, list: &str) -> Option<Vec<&'a Value>> {
    if component.is_null() {
        return Some(Vec::new());
    }
    if component["type"] != "Sequence" {
        return Some(vec![component]);
    }
    let parts: Vec<&Value> = component[list].as_array()?.iter().collect();
    parts.iter().all(|part| part["type"] != "Sequence").then_some(parts)
}

fn change(part: &Value) -> Option<Change> {
    match part["type"].as_str()? {
        "NFC" => Some(Change::Nfc),
        "Prepend" => Some(Change::Prepend(part["prepend"].as_str()?.to_owned())),
        "Replace" => Some(Change::Replace {
            from: part["pattern"]["String"].as_str()?.to_owned(),
            to: part["content"].as_str()?.to_owned(),
        }),
        _ => None,
    }
}

/// What the pre-tokenisers do together.
#[derive(Debug)]
struct Splitting {
    splitter: Splitter,
    marking: Marking,
    /// The last of them turned text into GPT-2's byte alphabet.
    has_bytes: bool,
    is_empty: bool,
}

impl Default for Splitting {
    fn default() -> Self {
        let (splitter, marking) = (Splitter::default(), Marking::None);
        Self { splitter, marking, has_bytes: false, is_empty: true }
    }
}

impl Splitting {
    /// With one more pre-tokeniser behind.
    fn with(self, part: &Value, changes: &[Change]) -> Option<Self> {
        // What follows would see the byte alphabet, or text whose marks this way puts in first.
        if self.has_bytes || self.marking != Marking::None {
            return None;
        }
        let (was_empty, marking) = (self.is_empty, self.marking);
        let splitter = self.splitter;
        let as_split =
            |splitter| Some(Self { splitter, marking, has_bytes: false, is_empty: false });
        match part["type"].as_str()? {
            "Digits" => {
                let each = part["individual_digits"].as_bool()?;
                as_split(splitter.with_pattern(if each { r"\p{N}" } else { r"\p{N}+" })?)
            }
            "Split" if part["invert"] == false => {
                let pattern = &part["pattern"];
                if let Some(text) = pattern["String"].as_str() {
                    return is_gone(text, changes).then(|| as_split(splitter)).flatten();
                }
                if part["behavior"] != "Isolated" {
                    return None;
                }
                as_split(splitter.with_pattern(pattern["Regex"].as_str()?)?)
            }
            "ByteLevel" if part["add_prefix_space"] == false => {
                let splitter = match part["use_regex"].as_bool() {
                    Some(false) => splitter,
                    _ => splitter.with_pattern(GPT2)?,
                };
                Some(Self { splitter, marking, has_bytes: true, is_empty: false })
            }
            "Metaspace" if was_empty => {
                if part["replacement"].as_str()?.chars().ne([SPACE_MARK]) {
                    return None;
                }
                let marking = match part["prepend_scheme"].as_str().unwrap_or("always") {
                    _ if part["add_prefix_space"] == false => Marking::Spaces,
                    "always" => Marking::Always,
                    "first" => Marking::First,
                    "never" => Marking::Spaces,
                    _ => return None,
                };
                let splitter =
                    if part["split"] == false { splitter } else { splitter.with_marks() };
                Some(Self { splitter, marking, has_bytes: false, is_empty: false })
            }
            _ => None,
        }
    }
}

/// Whether a text cannot stand behind the changes: the last one replaces it, by one without it.
fn is_gone(text: &str, changes: &[Change]) -> bool {
    match changes.last() {
        // A single character cannot form anew across the seams.
        Some(Change::Replace { from, to }) => {
            from == text && text.chars().count() == 1 && !to.contains(text)
        }
        _ => false,
    }
}
