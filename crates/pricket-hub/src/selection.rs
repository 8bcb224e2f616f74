//! Which of a repository's files make a model.

use crate::HubError;
use crate::glob::stars;

/// What to fetch, or to find in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// One file.
    File(String),
    /// A folder: its files, weights last, so that weights in place mean that all is in place.
    Folder(Vec<String>),
}

/// Files beside the weights that a model needs or may have.
const COMPANIONS: [&str; 13] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "tiktoken.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "preprocessor_config.json",
];

/// How many candidates an ambiguity lists.
const CANDIDATES_MAX: usize = 12;

/// Chooses from the files of a repository: the one that fits `wanted`, else the safetensors folder,
/// else the only GGUF file.
pub(crate) fn choose(
    repo: &str,
    files: &[String],
    wanted: Option<&str>,
) -> Result<Selection, HubError> {
    if let Some(pattern) = wanted {
        return only(repo, files.iter().filter(|file| stars(pattern, file).is_some()), pattern);
    }
    let at_root = |file: &&String| !file.contains('/');
    let weights = weights(files.iter().filter(at_root));
    if !weights.is_empty() && files.iter().any(|file| file == "config.json") {
        let beside = |file: &&String| {
            COMPANIONS.contains(&file.as_str()) || file.ends_with(".safetensors.index.json")
        };
        let companions = files.iter().filter(at_root).filter(beside);
        return Ok(Selection::Folder(companions.chain(weights).cloned().collect()));
    }
    only(repo, files.iter().filter(|file| has_end(file, "gguf")), "*.gguf")
}

/// Whether a text has a place to fill, so that it fits more than itself.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains('*')
}

fn only<'a>(
    repo: &str,
    mut fitting: impl Iterator<Item = &'a String>,
    wanted: &str,
) -> Result<Selection, HubError> {
    let Some(first) = fitting.next() else {
        let wanted = format!("file `{wanted}`");
        return Err(HubError::NothingToRun { repo: repo.into(), wanted });
    };
    let others: Vec<&String> = fitting.take(CANDIDATES_MAX).collect();
    if others.is_empty() {
        return Ok(Selection::File(first.clone()));
    }
    let candidates = std::iter::once(first).chain(others).map(|file| format!("hf:{repo}/{file}"));
    Err(HubError::NameAmbiguous { name: format!("hf:{repo}"), candidates: candidates.collect() })
}

/// The safetensors files; where some are called `model...`, only those: the others (Mistral's
/// `consolidated`) hold the same weights again.
fn weights<'a>(files: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let all: Vec<&String> = files.filter(|file| has_end(file, "safetensors")).collect();
    let named: Vec<&String> = all.iter().copied().filter(|f| f.starts_with("model")).collect();
    if named.is_empty() { all } else { named }
}

fn has_end(file: &str, end: &str) -> bool {
    std::path::Path::new(file).extension().is_some_and(|have| have.eq_ignore_ascii_case(end))
}
