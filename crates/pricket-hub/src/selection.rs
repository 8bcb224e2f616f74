//! Which of a repository's files make a model.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::HubError;
use crate::glob::stars;
use crate::limits::FILES_MAX;

/// What to fetch, or to find in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// A file, and those that are parts of the same model.
    File {
        /// The one that stands for the model.
        named: String,
        /// All, in the order in which they are fetched.
        files: Vec<String>,
    },
    /// A folder: its files, weights last, so that weights in place mean that all is in place.
    Folder {
        /// The folder's path in the repository, with a slash behind it; empty for all of it.
        below: String,
        /// The files that are fetched.
        files: Vec<String>,
    },
}

impl Selection {
    /// What an exact name of a GGUF file means, without a look at the repository: it, and where it
    /// is called as a part is, all parts.
    pub(crate) fn gguf(file: &str) -> Option<Self> {
        has_end(file, "gguf").then(|| Self::File { named: file.to_owned(), files: parts(file) })
    }

    pub(crate) fn files(&self) -> &[String] {
        match self {
            Self::File { files, .. } | Self::Folder { files, .. } => files,
        }
    }

    /// The path that stands for the model, in a snapshot.
    pub(crate) fn path(&self, snapshot: &Path) -> PathBuf {
        match self {
            Self::File { named, .. } => snapshot.join(named),
            Self::Folder { below, .. } if below.is_empty() => snapshot.to_path_buf(),
            Self::Folder { below, .. } => snapshot.join(below),
        }
    }
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

/// How the names end of what says which of several files holds which tensor.
pub(crate) const SAFETENSORS_INDEX: &str = ".safetensors.index.json";
pub(crate) const TORCH_INDEX: &str = ".bin.index.json";

/// How many candidates an ambiguity lists.
const CANDIDATES_MAX: usize = 12;

/// Chooses from the files of a repository: what fits `wanted`, else the safetensors folder, else
/// the only GGUF model, else the folder that torch saved. What is named by one of its files is
/// chosen whole.
pub(crate) fn choose(
    repo: &str,
    files: &[String],
    wanted: Option<&str>,
) -> Result<Selection, HubError> {
    if let Some(pattern) = wanted {
        let fitting = files.iter().filter(|file| stars(pattern, file).is_some());
        return only(repo, files, fitting, pattern);
    }
    let ggufs = || files.iter().filter(|file| has_end(file, "gguf"));
    match folder(files, "") {
        // What torch saved is the last choice: it is larger, and older than what is beside it.
        Some(folder) if !is_of_torch(folder.files()) || ggufs().next().is_none() => Ok(folder),
        _ => only(repo, files, ggufs(), "*.gguf"),
    }
}

/// A folder of the repository, if it has a model.
fn folder(files: &[String], below: &str) -> Option<Selection> {
    let inside = |file: &&String| file.strip_prefix(below).is_some_and(|name| !name.contains('/'));
    let name = |file: &String| file.strip_prefix(below).unwrap_or(file).to_owned();
    let weights = weights(files.iter().filter(inside), below);
    if weights.is_empty() || !files.contains(&format!("{below}config.json")) {
        return None;
    }
    // An index of weights that are not fetched would name files that are not there.
    let index = if is_of_torch(&weights) { TORCH_INDEX } else { SAFETENSORS_INDEX };
    let beside = |file: &&String| COMPANIONS.contains(&&*name(file)) || file.ends_with(index);
    let companions = files.iter().filter(inside).filter(beside);
    let files = companions.chain(weights).cloned().collect();
    Some(Selection::Folder { below: below.to_owned(), files })
}

/// The model that a file of the repository belongs to.
fn whole(repo: &str, files: &[String], file: &str) -> Result<Selection, HubError> {
    if let Some(part) = Part::of(file) {
        let all = part.all();
        if let Some(missing) = all.iter().find(|part| !files.contains(part)) {
            return Err(HubError::PartMissing { repo: repo.into(), part: missing.clone() });
        }
        let named = all.first().cloned().unwrap_or_default();
        return Ok(Selection::File { named, files: all });
    }
    let below =
        file.rsplit_once('/').map_or("", |(folder, _)| file.get(..=folder.len()).unwrap_or(""));
    let of_model = |folder: &Selection| folder.files().iter().any(|other| other == file);
    match folder(files, below).filter(of_model) {
        Some(folder) => Ok(folder),
        None => Ok(Selection::File { named: file.to_owned(), files: vec![file.to_owned()] }),
    }
}

/// Whether a text has a place to fill, so that it fits more than itself.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains('*')
}

fn only<'a>(
    repo: &str,
    files: &[String],
    fitting: impl Iterator<Item = &'a String>,
    wanted: &str,
) -> Result<Selection, HubError> {
    let mut models: Vec<(&String, Selection)> = Vec::new();
    for file in fitting {
        let model = whole(repo, files, file)?;
        if models.len() <= CANDIDATES_MAX && models.iter().all(|(_, other)| *other != model) {
            models.push((file, model));
        }
    }
    if models.len() > 1 {
        let candidates = models.iter().map(|(file, _)| format!("hf:{repo}/{file}")).collect();
        return Err(HubError::NameAmbiguous { name: format!("hf:{repo}"), candidates });
    }
    let nothing =
        || HubError::NothingToRun { repo: repo.into(), wanted: format!("file `{wanted}`") };
    models.pop().map(|(_, model)| model).ok_or_else(nothing)
}

/// Whether weights are among these files as torch saved them.
fn is_of_torch(files: &[impl AsRef<str>]) -> bool {
    files.iter().any(|file| has_end(file.as_ref(), "bin"))
}

/// The safetensors files; where some are called `model...`, only those: the others (Mistral's
/// `consolidated`) hold the same weights again. Where there is none, what torch saved.
fn weights<'a>(files: impl Iterator<Item = &'a String>, below: &str) -> Vec<&'a String> {
    let begins = |file: &&String, start: &str| {
        file.strip_prefix(below).is_some_and(|name| name.starts_with(start))
    };
    let is_named = |file: &&String| begins(file, "model");
    let files: Vec<&String> = files.collect();
    let all: Vec<&String> =
        files.iter().copied().filter(|file| has_end(file, "safetensors")).collect();
    if all.is_empty() {
        let is_torchs = |file: &&String| has_end(file, "bin") && begins(file, "pytorch_model");
        return files.into_iter().filter(is_torchs).collect();
    }
    let named: Vec<&String> = all.iter().copied().filter(is_named).collect();
    if named.is_empty() { all } else { named }
}

/// A file's name that says which of how many parts of a model it is, as `llama-gguf-split` writes
/// it: `NAME-00001-of-00003.gguf`.
struct Part<'a> {
    stem: &'a str,
    count: usize,
}

impl<'a> Part<'a> {
    /// `None` where the name says no such thing, or what cannot be.
    fn of(file: &'a str) -> Option<Self> {
        let number = |text: &str| -> Option<usize> {
            let is_number = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse().ok()).flatten()
        };
        let (rest, count) = file.strip_suffix(".gguf")?.rsplit_once("-of-")?;
        let (stem, place) = rest.rsplit_once('-')?;
        let (place, count) = (number(place)?, number(count)?);
        ((1..=count).contains(&place) && count <= FILES_MAX).then_some(Self { stem, count })
    }

    /// The names of all parts, in their order.
    fn all(&self) -> Vec<String> {
        let Self { stem, count } = self;
        (1..=*count).map(|place| format!("{stem}-{place:05}-of-{count:05}.gguf")).collect()
    }
}

/// The names of the files of the model that a GGUF file belongs to: all parts, where it is called
/// as one, else its own.
pub(crate) fn parts(file: &str) -> Vec<String> {
    Part::of(file).map_or_else(|| vec![file.to_owned()], |part| part.all())
}

/// The GGUF models among files, in the order in which they are found: each as the files of it that
/// are there.
pub(crate) fn ggufs(files: &[String]) -> Vec<Vec<String>> {
    let there: HashSet<&String> = files.iter().collect();
    let models = files.iter().filter(|file| has_end(file, "gguf")).map(|file| {
        let own: Vec<String> =
            parts(file).into_iter().filter(|part| there.contains(part)).collect();
        (own.first() == Some(file)).then_some(own)
    });
    models.flatten().collect()
}

fn has_end(file: &str, end: &str) -> bool {
    Path::new(file).extension().is_some_and(|have| have.eq_ignore_ascii_case(end))
}
