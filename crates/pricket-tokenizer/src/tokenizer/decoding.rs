//! How the texts of tokens become text: the decoders of `tokenizer.json`, compiled to a rule that
//! needs one table look-up per token.

use serde_json::Value;

use crate::error::{Result, TokenizerError, malformed};
use crate::limits::{COMPONENT_DEPTH_MAX, COMPONENTS_MAX};
use crate::tokenizer::byte_alphabet::alphabet_bytes;

/// SentencePiece's mark for a space.
pub(crate) const SPACE_MARK: char = '\u{2581}';

/// What one token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A raw byte, which forms characters together with the byte tokens around it.
    Byte(u8),
    /// Bytes that are added as they are.
    Text(Vec<u8>),
}

/// A change of a token's text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Replace {
        from: String,
        to: String,
    },
    Strip {
        mark: char,
        start: usize,
        stop: usize,
    },
    /// `Metaspace`: the mark is a space, and nothing in the first token.
    Mark {
        mark: char,
        keep_first: bool,
    },
    /// A token without the prefix begins a word; `cleanup` takes the spaces before signs.
    WordPiece {
        prefix: String,
        cleanup: bool,
    },
    /// `<0xAB>` is a byte.
    ByteFallback,
}

/// What `cleanup` replaces, in order.
const CLEANUP: [(&str, &str); 11] = [
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
];

/// How tokens are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joining {
    /// All tokens' bytes are one stream; what is no UTF-8 becomes U+FFFD.
    ByteStream,
    /// Tokens are texts; a run of byte tokens is a text, or one U+FFFD per byte.
    Texts,
    /// As `Texts`, with a space between tokens (files that name no decoder).
    SpacedTexts,
}

/// The compiled decoders of a vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecodeRule {
    pub(crate) joining: Joining,
    steps: Vec<Step>,
    /// How many of which character are cut from the front of the whole text.
    pub(crate) strip_front: Option<(char, usize)>,
}

impl DecodeRule {
    /// The rule of byte-level BPE.
    pub(crate) fn byte_level() -> Self {
        Self { joining: Joining::ByteStream, steps: Vec::new(), strip_front: None }
    }

    /// The rule of SentencePiece with byte fallback; `has_prefix` where encoding puts a space in
    /// front, which decoding then takes away.
    pub(crate) fn sentencepiece(has_prefix: bool) -> Self {
        let from = SPACE_MARK.to_string();
        Self {
            joining: Joining::Texts,
            steps: vec![Step::Replace { from, to: " ".to_owned() }, Step::ByteFallback],
            strip_front: has_prefix.then_some((' ', 1)),
        }
    }

    /// The rule of a `tokenizer.json`'s `decoder`.
    pub(crate) fn from_json(decoder: Option<&Value>) -> Result<Self> {
        let Some(decoder) = decoder.filter(|value| !value.is_null()) else {
            return Ok(Self {
                joining: Joining::SpacedTexts,
                steps: Vec::new(),
                strip_front: None,
            });
        };
        let mut flat = Vec::new();
        flatten(decoder, 0, &mut flat)?;
        let mut rule = Self { joining: Joining::Texts, steps: Vec::new(), strip_front: None };
        let mut is_fused = false;
        for part in flat {
            let kind = part["type"].as_str().unwrap_or_default();
            match kind {
                "ByteLevel" if rule.steps.is_empty() && !is_fused => {
                    rule.joining = Joining::ByteStream;
                    is_fused = true;
                }
                "Fuse" => is_fused = true,
                "Strip" if is_fused && rule.strip_front.is_none() => {
                    let (mark, start, stop) = strip_fields(part)?;
                    if stop > 0 || rule.joining == Joining::ByteStream {
                        return Err(unsupported("Strip of the text's end"));
                    }
                    rule.strip_front = Some((mark, start));
                }
                _ if is_fused => return Err(unsupported(&format!("{kind} after Fuse"))),
                "ByteFallback" => rule.steps.push(Step::ByteFallback),
                _ if rule.steps.contains(&Step::ByteFallback) => {
                    return Err(unsupported(&format!("{kind} after ByteFallback")));
                }
                _ => rule.steps.push(step(kind, part)?),
            }
        }
        Ok(rule)
    }

    /// Whether a token may read otherwise at the front of a text.
    pub(crate) fn has_first_form(&self) -> bool {
        self.joining == Joining::SpacedTexts
            || self.steps.iter().any(|step| {
                matches!(step, Step::Mark { keep_first: false, .. } | Step::WordPiece { .. })
            })
    }

    /// What a token stands for.
    pub(crate) fn piece(&self, token: &str, is_first: bool) -> Piece {
        if self.joining == Joining::ByteStream {
            return Piece::Text(byte_level_bytes(token));
        }
        let mut text = token.to_owned();
        for step in &self.steps {
            match step {
                Step::Replace { from, to } => text = text.replace(from, to),
                Step::Strip { mark, start, stop } => text = strip(&text, *mark, *start, *stop),
                Step::Mark { mark, keep_first } => {
                    let space = if is_first && !keep_first { "" } else { " " };
                    text = text.replace(*mark, space);
                }
                Step::WordPiece { prefix, cleanup } => {
                    if !is_first {
                        text = match text.strip_prefix(prefix.as_str()) {
                            Some(rest) => rest.to_owned(),
                            None => format!(" {text}"),
                        };
                    }
                    if *cleanup {
                        text = CLEANUP.iter().fold(text, |text, (from, to)| text.replace(from, to));
                    }
                }
                Step::ByteFallback => {
                    if let Some(byte) = fallback_byte(&text) {
                        return Piece::Byte(byte);
                    }
                }
            }
        }
        if self.joining == Joining::SpacedTexts && !is_first {
            text.insert(0, ' ');
        }
        Piece::Text(text.into_bytes())
    }
}

/// The byte that `<0xAB>` names.
pub(crate) fn fallback_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() == 2 { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// A byte-level token's bytes; one with a character outside the alphabet stands for itself.
fn byte_level_bytes(token: &str) -> Vec<u8> {
    alphabet_bytes(token).unwrap_or_else(|| token.as_bytes().to_vec())
}

/// Lists the decoders of nested sequences in order.
fn flatten<'a>(part: &'a Value, depth: usize, flat: &mut Vec<&'a Value>) -> Result<()> {
    if depth > COMPONENT_DEPTH_MAX || flat.len() > COMPONENTS_MAX {
        return Err(malformed("tokenizer.json decoder", "it nests too deep or is too long"));
    }
    if part["type"] != "Sequence" {
        flat.push(part);
        return Ok(());
    }
    let parts = part["decoders"]
        .as_array()
        .ok_or_else(|| malformed("tokenizer.json decoder", "a Sequence without `decoders`"))?;
    parts.iter().try_for_each(|part| flatten(part, depth + 1, flat))
}

/// A decoder that works on single tokens.
fn step(kind: &str, part: &Value) -> Result<Step> {
    match kind {
        "Replace" => {
            let (Some(from), Some(to)) =
                (part["pattern"]["String"].as_str(), part["content"].as_str())
            else {
                return Err(unsupported("Replace by a regular expression"));
            };
            if from.is_empty() {
                return Err(malformed("tokenizer.json decoder", "Replace of an empty pattern"));
            }
            Ok(Step::Replace { from: from.to_owned(), to: to.to_owned() })
        }
        "Strip" => {
            let (mark, start, stop) = strip_fields(part)?;
            Ok(Step::Strip { mark, start, stop })
        }
        "Metaspace" => {
            let mark = part["replacement"].as_str().and_then(|text| text.chars().next());
            let scheme = part["prepend_scheme"].as_str().unwrap_or("always");
            let adds_prefix = part["add_prefix_space"].as_bool().unwrap_or(true);
            Ok(Step::Mark {
                mark: mark.unwrap_or(SPACE_MARK),
                keep_first: scheme == "never" || !adds_prefix,
            })
        }
        "WordPiece" => Ok(Step::WordPiece {
            prefix: part["prefix"].as_str().unwrap_or("##").to_owned(),
            cleanup: part["cleanup"].as_bool().unwrap_or(true),
        }),
        _ => Err(unsupported(kind)),
    }
}

/// The fields of a `Strip`.
fn strip_fields(part: &Value) -> Result<(char, usize, usize)> {
    let mark = part["content"].as_str().and_then(|text| text.chars().next());
    let count = |name: &str| part[name].as_u64().and_then(|n| usize::try_from(n).ok());
    match (mark, count("start"), count("stop")) {
        (Some(mark), Some(start), Some(stop)) => Ok((mark, start, stop)),
        _ => Err(malformed("tokenizer.json decoder", "Strip wants content, start and stop")),
    }
}

/// Cuts at most `start` and `stop` of `mark` from the ends.
fn strip(text: &str, mark: char, start: usize, stop: usize) -> String {
    let mut rest = text;
    for _ in 0..start.min(text.len()) {
        let Some(shorter) = rest.strip_prefix(mark) else { break };
        rest = shorter;
    }
    for _ in 0..stop.min(text.len()) {
        let Some(shorter) = rest.strip_suffix(mark) else { break };
        rest = shorter;
    }
    rest.to_owned()
}

fn unsupported(kind: &str) -> TokenizerError {
    TokenizerError::Unsupported {
        what: "tokenizer.json decoder",
        value: kind.to_owned(),
        remedy: "ByteLevel, WordPiece, Metaspace, Replace, ByteFallback, Fuse and Strip are \
                 supported",
    }
}
