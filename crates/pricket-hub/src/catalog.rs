//! Model data: what well-known models are, can and cost.

mod query;
mod row;

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use pricket_core::{MicroDollars, ModelInfo, Usage};

use crate::HubError;
use crate::limits::CATALOG_BYTES_MAX;
use row::RowMap;

pub use query::ModelQuery;
pub(crate) use row::check_model_name;

/// The data that every build knows. A test reads it and holds it to more than the reader does.
const BUILTIN: &str = include_str!("../data/models.json");

static BUILTIN_CATALOG: LazyLock<ModelCatalog> =
    LazyLock::new(|| ModelCatalog::parse(BUILTIN).unwrap_or_default());

/// What is known of models: limits, abilities and dated prices, and nothing where nothing is known.
/// Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelCatalog {
    data: Arc<Data>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Data {
    models: Vec<ModelInfo>,
    /// The providers of the models, each once.
    providers: Vec<String>,
    /// The same as they were written, for a later file to lay its fields over.
    rows: Vec<RowMap>,
}

impl ModelCatalog {
    /// The data that every build knows.
    pub fn builtin() -> Self {
        BUILTIN_CATALOG.clone()
    }

    pub(crate) fn builtin_ref() -> &'static Self {
        &BUILTIN_CATALOG
    }

    /// Reads a catalog, `{"version": 1, "models": [...]}`. Errors: what does not fit the format, a
    /// model or a name twice.
    pub fn parse(json: &str) -> Result<Self, HubError> {
        Self::default().overlaid(json, "the given text")
    }

    /// Lays a text of the same format over this data: a model that is known by its provider and
    /// name takes the fields that are given, and `null` takes one away; any other is added. Errors:
    /// as of [`parse`](Self::parse); a model that stands in the text twice is one.
    pub fn with_override(&self, json: &str) -> Result<Self, HubError> {
        self.overlaid(json, "the given text")
    }

    /// The same from a file. Errors: it cannot be read, is longer than 4 MiB or no UTF-8.
    pub fn with_override_file(&self, path: impl AsRef<Path>) -> Result<Self, HubError> {
        let path = path.as_ref();
        let unread = |source| HubError::CatalogUnread { path: path.to_path_buf(), source };
        let file = std::fs::File::open(path).map_err(unread)?;
        let mut json = Vec::new();
        file.take(CATALOG_BYTES_MAX + 1).read_to_end(&mut json).map_err(unread)?;
        self.overlaid(json, &path.display().to_string())
    }

    pub(crate) fn overlaid(&self, json: impl AsRef<[u8]>, origin: &str) -> Result<Self, HubError> {
        let json = json.as_ref();
        let refuse = |reason| HubError::CatalogMalformed { origin: origin.to_owned(), reason };
        // The length first: a longer file may have been cut within a character.
        if json.len() as u64 > CATALOG_BYTES_MAX {
            return Err(refuse(format!("it has more than {CATALOG_BYTES_MAX} bytes")));
        }
        let json = std::str::from_utf8(json).map_err(|_| refuse("it is no UTF-8 text".into()))?;
        let rows = row::overlay(&self.data.rows, json).map_err(refuse)?;
        let models = row::models(&rows).map_err(refuse)?;
        let mut seen = HashSet::new();
        let providers = models.iter().filter_map(|info| info.provider.as_ref());
        let new = providers.filter(|provider| seen.insert(provider.to_lowercase()));
        let providers = new.cloned().collect();
        Ok(Self { data: Arc::new(Data { models, providers, rows }) })
    }

    /// Every model, in the order of the data.
    pub fn iter(&self) -> impl Iterator<Item = &ModelInfo> {
        self.data.models.iter()
    }

    /// The model of a name: `provider/name`, or a bare name or alias that only one model has.
    /// Case does not count.
    pub fn find(&self, name: &str) -> Option<&ModelInfo> {
        if let Some((provider, model)) = name.split_once('/')
            && let Some(found) = self.remote(provider, model)
        {
            return Some(found);
        }
        match self.find_all(name).as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Every model with a bare name or alias; several providers may sell the same one.
    pub fn find_all(&self, name: &str) -> Vec<&ModelInfo> {
        self.iter().filter(|info| has_name(info, name)).collect()
    }

    /// The providers of the models elsewhere, each once, in the order of the data.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.data.providers.iter().map(String::as_str)
    }

    /// The models that fit a query, in the order of the data.
    pub fn select<'a>(&'a self, query: &'a ModelQuery) -> impl Iterator<Item = &'a ModelInfo> {
        self.iter().filter(|info| query.fits(info))
    }

    /// Of the models that fit a query, the one for which this usage costs least, and how much. A
    /// model whose price is not known is never the cheapest.
    pub fn cheapest(
        &self,
        query: &ModelQuery,
        usage: &Usage,
    ) -> Option<(&ModelInfo, MicroDollars)> {
        let fitting = self.iter().filter(|info| query.fits(info));
        let priced = fitting.filter_map(|info| info.cost(usage).map(|cost| (info, cost)));
        priced.min_by_key(|&(_, cost)| cost)
    }

    /// A model of this machine, by its name or an alias.
    pub(crate) fn local(&self, name: &str) -> Option<&ModelInfo> {
        self.iter().find(|info| info.provider.is_none() && has_name(info, name))
    }

    /// A provider's model, by its name or an alias.
    pub(crate) fn remote(&self, provider: &str, name: &str) -> Option<&ModelInfo> {
        self.iter().find(|info| {
            let own = info.provider.as_ref();
            own.is_some_and(|own| own.eq_ignore_ascii_case(provider)) && has_name(info, name)
        })
    }
}

fn has_name(info: &ModelInfo, name: &str) -> bool {
    info.names().any(|own| own.eq_ignore_ascii_case(name))
}
