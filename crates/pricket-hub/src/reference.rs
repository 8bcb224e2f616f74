//! What a model's name can mean, read from text.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::limits::REPO_NAME_BYTES_MAX;
use crate::resolver::Resolver;
use crate::{Alias, HubError, Registry};

/// What a model's name means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelRef {
    /// A short name, `smollm2:135m`.
    Alias(Alias),
    /// A repository of the hub, `hf:org/repo[@rev][/file]`.
    Hub(HubRef),
    /// A file or folder of this machine.
    Path(PathBuf),
    /// A model that a provider runs elsewhere, `openai/gpt-4o`.
    Remote {
        /// The provider, as the model data calls it.
        provider: String,
        /// Its model.
        model: String,
    },
}

/// A repository of the hub, or a file of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubRef {
    /// `org/repo`.
    pub repo: String,
    /// Branch, tag or commit.
    pub revision: String,
    /// A file, or a pattern with `*` that fits exactly one; without it, the whole model.
    pub file: Option<String>,
}

/// Why a text means what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// It begins with `hf:`.
    HubPrefix,
    /// It begins as a path does, or ends as a model file does.
    PathLike,
    /// It is an alias, whatever its case.
    AliasName,
    /// It is a family with a single alias.
    AliasFamily,
    /// A file or folder of this name exists.
    PathExists,
    /// It is `provider/model`, of a provider that the model data knows.
    ProviderModel,
    /// Only one provider of the model data has a model of this name.
    ProviderName,
    /// It is none of these, but one alias is nearer to it than all others, and the caller allowed
    /// that.
    Nearest,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HubPrefix => "it begins with `hf:`, so it names a repository of the hub",
            Self::PathLike => "it is written as a path",
            Self::AliasName => "it is an alias",
            Self::AliasFamily => "it is a family with one alias",
            Self::PathExists => "a file or folder of this name exists",
            Self::ProviderModel => "it names a provider and its model",
            Self::ProviderName => "it is the name of one provider's model",
            Self::Nearest => "one alias is nearest to it",
        })
    }
}

impl ModelRef {
    /// Reads a name. The registry's own rules come first. Then, in order: `hf:` names the hub; what
    /// is written as a path (`/`, `./`, `../`, or ending in `.gguf` or `.safetensors`) is one; an
    /// alias; a family with one alias; an existing path; a provider and its model. It looks at the
    /// disk only to see what exists, and never at the network.
    pub fn parse(text: &str, registry: &Registry) -> Result<(Self, Rule), HubError> {
        let meaning = Resolver::plain(registry).resolve(text)?;
        Ok((meaning.reference, meaning.rule))
    }
}

impl FromStr for ModelRef {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        Self::parse(text, &Registry::well_known()).map(|(reference, _)| reference)
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alias(alias) => f.write_str(&alias.name),
            Self::Hub(hub) => hub.fmt(f),
            Self::Path(path) => path.display().fmt(f),
            Self::Remote { provider, model } => write!(f, "{provider}/{model}"),
        }
    }
}

impl fmt::Display for HubRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hf:{}", self.repo)?;
        if self.revision != "main" {
            write!(f, "@{}", self.revision)?;
        }
        match &self.file {
            // A revision may hold a slash; only `#` then ends it.
            Some(file) if self.revision.contains('/') => write!(f, "#{file}"),
            Some(file) => write!(f, "/{file}"),
            None => Ok(()),
        }
    }
}

impl From<&Alias> for HubRef {
    fn from(alias: &Alias) -> Self {
        Self {
            repo: alias.repo.clone(),
            revision: alias.revision.clone(),
            file: Some(alias.file.clone()),
        }
    }
}

pub(crate) fn is_path_like(text: &str) -> bool {
    let ends = |suffix: &str| Path::new(text).extension().is_some_and(|end| end == suffix);
    let begins = ["/", "./", "../", "~"].iter().any(|start| text.starts_with(start));
    begins || matches!(text, "." | "..") || ends("gguf") || ends("safetensors")
}

/// `org/repo`, then `@revision`, then `/file` or `#file`, the last two optional. A revision with a
/// slash in it, such as `refs/pr/1`, needs the `#`.
pub(crate) fn parse_hub(text: &str) -> Result<HubRef, &'static str> {
    let (head, hashed) = match text.split_once('#') {
        Some((head, file)) => (head, Some(file)),
        None => (text, None),
    };
    let (repo_and_file, revision) = match head.split_once('@') {
        None => (head.to_owned(), "main"),
        Some((repo, rest)) if hashed.is_some() => (repo.to_owned(), rest),
        Some((repo, rest)) => match rest.split_once('/') {
            Some((revision, file)) => (format!("{repo}/{file}"), revision),
            None => (repo.to_owned(), rest),
        },
    };
    let slash = repo_and_file.match_indices('/').nth(1).map_or(repo_and_file.len(), |(at, _)| at);
    let (repo, rest) = repo_and_file.split_at(slash);
    let file = match (hashed, rest.strip_prefix('/')) {
        (Some(_), Some(_)) => return Err("a file follows `/` or `#`, not both"),
        (hashed, slashed) => hashed.or(slashed),
    };
    check_repo(repo)?;
    check_revision(revision)?;
    if let Some(file) = file {
        check_file(file)?;
    }
    Ok(HubRef { repo: repo.into(), revision: revision.into(), file: file.map(str::to_owned) })
}

/// `org/repo`, each of letters, digits and `._-`: they become folder names and parts of a URL.
pub(crate) fn check_repo(repo: &str) -> Result<(), &'static str> {
    let part = |part: &str| {
        !part.is_empty()
            && part.len() <= REPO_NAME_BYTES_MAX
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            // The cache writes `/` as `--`.
            && !part.contains("--")
            && !part.contains("..")
    };
    match repo.split_once('/') {
        Some((org, name)) if part(org) && part(name) => Ok(()),
        _ => Err("a repository is two names of letters, digits and `._-`, as in `org/repo`"),
    }
}

/// A branch, tag or commit: it becomes a path below `refs` and a part of a URL.
pub(crate) fn check_revision(revision: &str) -> Result<(), &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let parts_fine = revision.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if revision.len() <= 256 && revision.chars().all(plain) && parts_fine {
        Ok(())
    } else {
        Err("a revision is a branch, tag or commit of letters, digits and `._-/`")
    }
}

/// A relative path that stays where it is put, on every system that we build for.
pub(crate) fn check_file(file: &str) -> Result<(), &'static str> {
    let plain = |c: char| !c.is_control() && !"\\:<>|\"?".contains(c);
    let parts_fine = file.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if file.len() <= 1024 && file.chars().all(plain) && parts_fine {
        Ok(())
    } else {
        Err("a file is a relative path without `..`, backslashes and control characters")
    }
}

pub(crate) fn malformed(text: &str, reason: &'static str) -> HubError {
    HubError::NameMalformed { name: clip(text), reason }
}

/// An error quotes a name; a name may be a pasted book.
pub(crate) fn clip(text: &str) -> String {
    let mut short: String = text.chars().take(120).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}
