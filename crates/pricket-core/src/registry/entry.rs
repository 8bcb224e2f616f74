//! One provider of a registry: there already, or made when it is first asked for.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::{CompletionProvider, CoreError, ErrorReport, ModelInfo};

/// A provider and its names, on the way into a registry.
#[derive(Debug)]
#[must_use = "a registration does nothing until a registry takes it"]
pub struct Registration(Entry);

/// A provider in a registry, and how to get at it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RegisteredProvider(Arc<Entry>);

struct Entry {
    name: String,
    aliases: Vec<String>,
    info: ModelInfo,
    source: Source,
}

enum Source {
    Ready(Slot),
    Lazy(Lazy),
}

/// A provider twice: to be used, and to be asked for its type where that was known.
struct Slot {
    provider: Arc<dyn CompletionProvider>,
    typed: Option<Arc<dyn Any + Send + Sync>>,
}

struct Lazy {
    make: Box<dyn Fn() -> Result<Slot, ErrorReport> + Send + Sync>,
    made: OnceLock<Slot>,
    // lock: taken only until the provider is made, so that two callers do not load a model twice;
    // afterwards `made` answers alone. No token waits for it.
    making: Mutex<()>,
}

impl Registration {
    /// A provider that is there already, under the names that it gives itself.
    pub fn ready<P: CompletionProvider + 'static>(provider: Arc<P>) -> Self {
        let info = provider.info().clone();
        Self::new(info, Source::Ready(Slot::typed(provider)))
    }

    /// The same for a provider whose type is not known any more; it cannot be asked for as one.
    pub fn erased(provider: Arc<dyn CompletionProvider>) -> Self {
        let info = provider.info().clone();
        Self::new(info, Source::Ready(Slot { provider, typed: None }))
    }

    /// A provider that `make` makes when it is first asked for; until then `info` speaks for it.
    /// `make` runs on the thread of the first caller, and not twice at once; it must not ask the
    /// registry for the provider that it is making.
    pub fn lazy<P: CompletionProvider + 'static>(
        info: ModelInfo,
        make: impl Fn() -> Result<P, ErrorReport> + Send + Sync + 'static,
    ) -> Self {
        let make = move || make().map(|provider| Slot::typed(Arc::new(provider)));
        let lazy = Lazy { make: Box::new(make), made: OnceLock::new(), making: Mutex::new(()) };
        Self::new(info, Source::Lazy(lazy))
    }

    fn new(info: ModelInfo, source: Source) -> Self {
        let (name, aliases) = (info.name.clone(), info.aliases.clone());
        Self(Entry { name, aliases, info, source })
    }

    /// Gives it another name than its own.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = name.into();
        self
    }

    /// Gives it these other names, beside those that it has.
    pub fn aliases<S: Into<String>>(mut self, aliases: impl IntoIterator<Item = S>) -> Self {
        self.0.aliases.extend(aliases.into_iter().map(Into::into));
        self
    }

    pub(super) fn into_entry(self) -> RegisteredProvider {
        RegisteredProvider(Arc::new(self.0))
    }
}

impl RegisteredProvider {
    /// The name that it was registered with.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Every name that it answers to.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.0.name).chain(&self.0.aliases).map(String::as_str)
    }

    /// What it said of itself when it was registered, or what was said for it.
    pub fn info(&self) -> &ModelInfo {
        &self.0.info
    }

    /// Whether the provider is there, so that asking for it takes no time.
    pub fn is_ready(&self) -> bool {
        match &self.0.source {
            Source::Ready(_) => true,
            Source::Lazy(lazy) => lazy.made.get().is_some(),
        }
    }

    /// The provider; a lazy one is made now where it was not yet.
    pub fn provider(&self) -> Result<Arc<dyn CompletionProvider>, CoreError> {
        self.slot().map(|slot| Arc::clone(&slot.provider))
    }

    /// The provider as the type that it was registered with.
    pub fn provider_as<P: CompletionProvider + 'static>(&self) -> Result<Arc<P>, CoreError> {
        let typed = self.slot()?.typed.clone();
        typed.and_then(|any| any.downcast::<P>().ok()).ok_or_else(|| {
            CoreError::ProviderTypeMismatch {
                name: self.0.name.clone(),
                wanted: std::any::type_name::<P>(),
            }
        })
    }

    /// Whether both are the same registration.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn slot(&self) -> Result<&Slot, CoreError> {
        match &self.0.source {
            Source::Ready(slot) => Ok(slot),
            Source::Lazy(lazy) => lazy.slot().map_err(|report| CoreError::ProviderFailed {
                name: self.0.name.clone(),
                report: Box::new(report),
            }),
        }
    }
}

impl Lazy {
    fn slot(&self) -> Result<&Slot, ErrorReport> {
        if let Some(slot) = self.made.get() {
            return Ok(slot);
        }
        // A factory that panicked left nothing half-made behind: `made` is set last.
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = self.made.get() {
            return Ok(slot);
        }
        let slot = (self.make)()?;
        Ok(self.made.get_or_init(|| slot))
    }
}

impl Slot {
    fn typed<P: CompletionProvider + 'static>(provider: Arc<P>) -> Self {
        let typed: Arc<dyn Any + Send + Sync> = Arc::<P>::clone(&provider);
        Self { provider, typed: Some(typed) }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = match &self.source {
            Source::Ready(_) => true,
            Source::Lazy(lazy) => lazy.made.get().is_some(),
        };
        f.debug_struct("Provider")
            .field("name", &self.name)
            .field("aliases", &self.aliases)
            .field("ready", &ready)
            .finish_non_exhaustive()
    }
}
