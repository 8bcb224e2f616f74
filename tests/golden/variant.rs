//! The switches.

use std::path::Path;

use pricket::models::{self, Backend, KvFormat, OpenOptions};
use pricket::simd::{Kernels, Level};
use pricket_tests::Pass;

/// One way to run a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant {
    pub(crate) backend: Backend,
    /// The instruction set of our own kernels; candle chooses for itself.
    pub(crate) level: Option<Level>,
    pub(crate) threads: usize,
}

impl Variant {
    /// Every way that this machine has: our kernels at every level on 1 and 2 threads, and candle.
    pub(crate) fn all() -> Vec<Self> {
        let levels = Level::ALL.iter().copied().filter(|&level| Kernels::at(level).is_ok());
        let ours = levels.flat_map(|level| {
            [1, 2].map(|threads| Self { backend: Backend::Cpu, level: Some(level), threads })
        });
        let candle = Self { backend: Backend::Candle, level: None, threads: 1 };
        ours.chain([candle]).collect()
    }

    /// A model, run this way, with keys and values in float32.
    pub(crate) fn open(self, path: &Path, tokens_max: usize) -> Pass {
        let options = OpenOptions {
            backend: self.backend,
            level: self.level,
            threads: Some(self.threads),
            kv: KvFormat::F32,
        };
        let opened = models::open(path, &options, &mut |_| {})
            .unwrap_or_else(|error| panic!("{} as {self:?}: {error}", path.display()));
        Pass::new(opened.model, tokens_max).unwrap()
    }
}
