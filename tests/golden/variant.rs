//! The switches.

use std::path::Path;

use pricket::models::{self, Backend, CausalLm, KvFormat, OpenOptions};
use pricket::simd::{Kernels, Level};
use pricket_tests::Pass;

/// The formats that keys and values are kept in.
pub(crate) const KV: [KvFormat; 2] = [KvFormat::F32, KvFormat::F16];

/// One way to run a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant {
    pub(crate) backend: Backend,
    /// The instruction set of our own kernels; candle chooses for itself.
    pub(crate) level: Option<Level>,
    pub(crate) threads: usize,
    /// How our own backend keeps keys and values; candle keeps floats.
    pub(crate) kv: KvFormat,
}

impl Variant {
    /// Every way that this machine has: our kernels at every level, on 1 and 2 threads with keys
    /// and values in singles and on 2 with halves, and candle.
    pub(crate) fn all() -> Vec<Self> {
        let halves = Self::ours(KvFormat::F16, &[2]);
        let candle = Self::candle(Backend::Candle);
        [Self::ours(KvFormat::F32, &[1, 2]), halves, vec![candle]].concat()
    }

    /// Our plainest way, and candle's.
    pub(crate) fn two() -> [Self; 2] {
        [Self::all()[0], Self::candle(Backend::Candle)]
    }

    /// One of candle's ways.
    pub(crate) fn candle(backend: Backend) -> Self {
        Self { backend, level: None, threads: 1, kv: KvFormat::F32 }
    }

    /// Our kernels at every level, the plainest first, on each of these numbers of threads.
    pub(crate) fn ours(kv: KvFormat, threads: &[usize]) -> Vec<Self> {
        let levels = Level::ALL.iter().copied().filter(|&level| Kernels::at(level).is_ok());
        let at = |level| {
            let level = Some(level);
            threads.iter().map(move |&threads| Self { backend: Backend::Cpu, level, threads, kv })
        };
        levels.flat_map(at).collect()
    }

    /// A model, run this way.
    pub(crate) fn open(self, path: &Path, tokens_max: usize) -> Pass {
        Pass::new(self.load(path), tokens_max).unwrap()
    }

    /// The model alone.
    pub(crate) fn load(self, path: &Path) -> Box<dyn CausalLm> {
        let options = OpenOptions {
            backend: self.backend,
            level: self.level,
            threads: Some(self.threads),
            kv: self.kv,
            ..OpenOptions::default()
        };
        let opened = models::open(path, &options, &mut |_| {})
            .unwrap_or_else(|error| panic!("{} as {self:?}: {error}", path.display()));
        opened.model
    }
}
