//! What a GGUF file says about text: `tokenizer.*` and `general.sampling.*`.

use super::metadata::GgufMetadata;
use super::value::Strings;
use crate::limits::TEMPLATE_BYTES_MAX;
use crate::{GenerationDefaults, GgufVocabulary, ModelError, TextAssets, Vocabulary};

/// Collects everything about text. A file without a vocabulary has `vocabulary: None`.
pub(super) fn collect(metadata: &GgufMetadata) -> Result<TextAssets, ModelError> {
    let vocabulary = match metadata.find::<&Strings>("tokenizer.ggml.tokens")? {
        Some(tokens) => Some(vocabulary(metadata, tokens)?),
        None => None,
    };
    let chat_template = metadata.find::<&str>("tokenizer.chat_template")?;
    if let Some(template) = chat_template
        && template.len() as u64 > TEMPLATE_BYTES_MAX
    {
        return Err(ModelError::LimitExceeded {
            what: "the chat template, in bytes,".to_owned(),
            value: template.len() as u64,
            max: TEMPLATE_BYTES_MAX,
        });
    }
    let generation = generation(metadata, vocabulary.as_ref())?;
    Ok(TextAssets {
        vocabulary: vocabulary.map(|found| Vocabulary::Gguf(Box::new(found))),
        chat_template: chat_template.map(str::to_owned),
        generation,
    })
}

fn vocabulary(metadata: &GgufMetadata, tokens: &Strings) -> Result<GgufVocabulary, ModelError> {
    let len = tokens.len();
    let scores = metadata.find::<&[f32]>("tokenizer.ggml.scores")?.unwrap_or_default();
    let token_types = metadata.find::<Vec<i32>>("tokenizer.ggml.token_type")?.unwrap_or_default();
    for (key, found) in
        [("tokenizer.ggml.scores", scores.len()), ("tokenizer.ggml.token_type", token_types.len())]
    {
        if found != 0 && found != len {
            let why = format!("has {found} elements for {len} tokens");
            return Err(ModelError::Metadata { key: key.to_owned(), why });
        }
    }
    let merges = metadata.find::<&Strings>("tokenizer.ggml.merges")?;
    let model = metadata.require::<&str>("tokenizer.ggml.model")?;
    // BERT's texts begin and end with tokens of other names, of which writers spell one wrongly.
    let (begins, ends): (&[_], &[_]) = match model {
        "bert" => (&["cls", "bos"], &["seperator", "separator", "eos"]),
        _ => (&["bos"], &["eos"]),
    };
    let first_of = |names: &[&str]| {
        let mut found = names.iter().filter_map(|name| {
            token_id(metadata, &format!("tokenizer.ggml.{name}_token_id"), len).transpose()
        });
        found.next().transpose()
    };
    Ok(GgufVocabulary {
        model: model.to_owned(),
        pre: metadata.find::<&str>("tokenizer.ggml.pre")?.map(str::to_owned),
        tokens: tokens.iter().map(str::to_owned).collect(),
        scores: scores.to_vec(),
        token_types,
        merges: merges.map(|list| list.iter().map(str::to_owned).collect()).unwrap_or_default(),
        bos_id: first_of(begins)?,
        eos_id: first_of(ends)?,
        unknown_id: token_id(metadata, "tokenizer.ggml.unknown_token_id", len)?,
        padding_id: token_id(metadata, "tokenizer.ggml.padding_token_id", len)?,
        add_bos: metadata.find("tokenizer.ggml.add_bos_token")?,
        add_eos: metadata.find("tokenizer.ggml.add_eos_token")?,
        add_space_prefix: metadata.find("tokenizer.ggml.add_space_prefix")?,
        lowercase: metadata.find("tokenizer.ggml.normalizer.lowercase")?,
        strip_accents: metadata.find("tokenizer.ggml.normalizer.strip_accents")?,
    })
}

/// An id that a key names, inside the vocabulary.
fn token_id(metadata: &GgufMetadata, key: &str, len: usize) -> Result<Option<u32>, ModelError> {
    match metadata.find::<u32>(key)? {
        Some(id) if id as usize >= len => Err(ModelError::Metadata {
            key: key.to_owned(),
            why: format!("is {id}, but the vocabulary has {len} tokens"),
        }),
        found => Ok(found),
    }
}

/// The makers' defaults. A file may end answers with more than one token: the end of the sequence,
/// of a turn and of a message.
fn generation(
    metadata: &GgufMetadata,
    vocabulary: Option<&GgufVocabulary>,
) -> Result<GenerationDefaults, ModelError> {
    let mut eos_ids = Vec::new();
    if let Some(vocabulary) = vocabulary {
        let len = vocabulary.tokens.len();
        for key in [
            "tokenizer.ggml.eos_token_id",
            "tokenizer.ggml.eot_token_id",
            "tokenizer.ggml.eom_token_id",
        ] {
            match token_id(metadata, key, len)? {
                Some(id) if !eos_ids.contains(&id) => eos_ids.push(id),
                _ => {}
            }
        }
        if metadata.find::<&str>("general.architecture")? == Some("gpt-oss") {
            set_ends_of_harmony(vocabulary, &mut eos_ids);
        }
    }
    Ok(GenerationDefaults {
        eos_ids,
        temperature: metadata.find("general.sampling.temp")?,
        top_k: metadata.find("general.sampling.top_k")?,
        top_p: metadata.find("general.sampling.top_p")?,
        min_p: metadata.find("general.sampling.min_p")?,
        repetition_penalty: metadata.find("general.sampling.penalty_repeat")?,
    })
}

/// What ends an answer in the harmony format (`OpenAI` 2025): its last message or the call of a
/// tool, which files do not name; and never the end of a message, which some name: more follow.
fn set_ends_of_harmony(vocabulary: &GgufVocabulary, eos_ids: &mut Vec<u32>) {
    let id = |text: &str| vocabulary.tokens.iter().position(|token| token == text);
    let id = |text: &str| id(text).and_then(|id| u32::try_from(id).ok());
    let end = id("<|end|>");
    eos_ids.retain(|eos| Some(*eos) != end);
    for found in ["<|return|>", "<|call|>"].into_iter().filter_map(id) {
        if !eos_ids.contains(&found) {
            eos_ids.push(found);
        }
    }
}
