//! The switches.

use std::path::Path;

use pricket::models::{self, Backend, CausalLm, KvFormat, OpenOptions};
use pricket::simd::{Kernels, Level};
use pricket_tests::Pass;

/// The formats that keys and values are kept in.
pub(crate) const KV: [KvFormat; 2] = [KvFormat::F32, KvFormat::F16];

/// What candle's backend does not run: latent attention.
const OURS_ALONE: [&str; 5] = [
    "tiny-kimi-k2",
    "tiny-kimi-k2-fp8",
    "tiny-deepseek-v2",
    "tiny-deepseek-v3-groups",
    "tiny-moonlight",
];

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
        let candle = Self { backend: Backend::Candle, level: None, threads: 1, kv: KvFormat::F32 };
        let halves = Self::ours(KvFormat::F16, &[2]);
        [Self::ours(KvFormat::F32, &[1, 2]), halves, vec![candle]].concat()
    }

    /// Every way in which a tiny checkpoint runs.
    pub(crate) fn all_of(name: &str) -> Vec<Self> {
        let runs = |variant: &Self| variant.backend == Backend::Cpu || !OURS_ALONE.contains(&name);
        Self::all().into_iter().filter(runs).collect()
    }

    /// Our plainest way, and candle's; where that does not run, our best on two threads.
    pub(crate) fn two_of(name: &str) -> [Self; 2] {
        let ours = Self::ours(KvFormat::F32, &[1, 2]);
        let other = Self::all_of(name).pop().filter(|variant| variant.backend != Backend::Cpu);
        [ours[0], other.unwrap_or(ours[ours.len() - 1])]
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
