//! The tensors below a prefix.

use super::{TensorInfo, TensorSource};
use crate::ModelError;

/// The tensors of a source whose names begin with a prefix, by the rest of their names.
///
/// `TensorView::new(&file).pp("model.layers").pp("0")` has `mlp.up_proj.weight` where the file has
/// `model.layers.0.mlp.up_proj.weight`. What it tells of a tensor, errors too, names it in full.
#[derive(Debug, Clone)]
pub struct TensorView<'a> {
    source: &'a dyn TensorSource,
    /// Ends with a dot where it is not empty.
    prefix: String,
}

impl<'a> TensorView<'a> {
    /// All tensors of a source.
    pub fn new(source: &'a dyn TensorSource) -> Self {
        Self { source, prefix: String::new() }
    }

    /// Goes down by one or more parts of a name, without the dot behind them.
    #[must_use]
    pub fn pp(&self, part: impl std::fmt::Display) -> Self {
        Self { source: self.source, prefix: format!("{}{part}.", self.prefix) }
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl TensorSource for TensorView<'_> {
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.source.names().filter_map(|name| name.strip_prefix(&*self.prefix)))
    }

    fn has(&self, name: &str) -> bool {
        self.source.has(&self.full(name))
    }

    fn info(&self, name: &str) -> Result<TensorInfo, ModelError> {
        self.source.info(&self.full(name))
    }

    fn read_range(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ModelError> {
        self.source.read_range(&self.full(name), offset, buffer)
    }
}
