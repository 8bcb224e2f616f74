//! From a path to a model.

mod experts;

use std::path::Path;

use pricket_core::{ByteSize, ProgressEvent, ProgressStage};
use pricket_simd::{ActKind, Kernels, Level, default_threads};

use crate::blueprint::Blueprint;
use crate::decoder::{Decoder, DecoderWeights, KvFormat, Need, Parts, Shelf, load_weights};
use crate::fused_experts::FusedExperts;
use crate::inventory::Inventory;
use crate::latent_heads::LatentHeads;
use crate::memory::available_memory;
use crate::quantizing::{Quantization, Quantizing};
use crate::{CausalLm, ModelError, ModelFiles, ModelSpec, TensorSource, TextAssets};

/// Whose forward pass runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Backend {
    /// Our own kernels on the CPU.
    #[default]
    Cpu,
    /// Candle's, the second opinion (feature `candle`).
    Candle,
    /// Candle's over weights turned back into 32-bit floats: slow and large, and exact where
    /// quantised kernels round activations (feature `candle`).
    CandleF32,
}

/// How candle holds the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weights {
    /// As the file stores them.
    Stored,
    /// As 32-bit floats.
    Floats,
}

/// How to open a model.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Whose forward pass runs.
    pub backend: Backend,
    /// How many threads our own backend uses; `None` takes one for each physical core. Candle's
    /// backend uses candle's own threads.
    pub threads: Option<usize>,
    /// The instruction set of our kernels; `None` takes the best that the CPU has, or what
    /// `PRICKET_SIMD` names.
    pub level: Option<Level>,
    /// How our own backend keeps keys and values.
    pub kv: KvFormat,
    /// The context, in tokens, whose keys and values must have room beside the weights; `None` asks
    /// for none, since they take memory only as they come.
    pub context: Option<usize>,
    /// How many bytes the model may take, weights, buffers and context together; `None` asks the
    /// system what it has: see [`available_memory`].
    pub memory: Option<u64>,
    /// What matrices of floats become while they are loaded.
    pub quantize: Quantization,
    /// How many bytes of memory the experts of a mixture may take. Where they take more, they stay
    /// in their files and are read when tokens take them: see [`ModelSpec::experts_on_disk`].
    /// `None` loads all of them where they fit, and else gives them most of what the rest of the
    /// model leaves. Of our own backend.
    pub experts_memory: Option<u64>,
}

/// A model, ready to run, and what its files say about text.
pub struct Opened {
    /// The model.
    pub model: Box<dyn CausalLm>,
    /// Vocabulary, template, defaults.
    pub text: TextAssets,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("spec", self.model.spec()).finish_non_exhaustive()
    }
}

/// Opens the model at a path, as [`ModelFiles::at`] finds it: a GGUF file, or a folder as
/// transformers writes it. Progress goes to
/// `on_progress` as the weights arrive.
///
/// # Errors
/// Whatever is wrong with the files is named: see [`ModelError`], and [`ModelFiles::load`].
pub fn open(
    path: &Path,
    options: &OpenOptions,
    on_progress: &mut dyn FnMut(ProgressEvent),
) -> Result<Opened, ModelError> {
    let files = ModelFiles::at(path)?;
    let text = files.text_assets()?;
    Ok(Opened { model: files.load(options, on_progress)?, text })
}

impl ModelFiles {
    /// Reads and packs the weights. `on_progress` is called on this thread: `Started`, `Advanced`
    /// as the weights arrive (not by candle's backends), `done` rising to `total`, and `Finished`;
    /// where it fails, the error is the last word.
    ///
    /// # Errors
    /// Whatever is wrong with the files is named: see [`ModelError`].
    /// [`ModelError::MemoryExceeded`] before anything is read where the model needs more memory
    /// than there is: see [`OpenOptions::memory`].
    pub fn load(
        &self,
        options: &OpenOptions,
        on_progress: &mut dyn FnMut(ProgressEvent),
    ) -> Result<Box<dyn CausalLm>, ModelError> {
        let blueprint = self.found.blueprint()?;
        let stored = self.found.source();
        let heads = LatentHeads::over(stored, &blueprint);
        let stored = heads.as_ref().map_or(stored, |heads| heads as _);
        let fused = FusedExperts::find(stored, &blueprint);
        let split = fused.as_ref().map(|fused| fused.over(stored));
        let stored = split.as_ref().map_or(stored, |split| split as _);
        let quantizing = Quantizing::over(stored, options.quantize);
        let source = quantizing.as_ref().map_or(stored, |quantizing| quantizing as _);
        Inventory::of(&blueprint, source).check()?;
        let spec = spec(&blueprint, source);
        let mut stored = Parts::of(source, &blueprint)?;
        let threads = options.threads.unwrap_or_else(default_threads);
        let mut need = Need::of(&blueprint, &stored, options.kv, threads)?;
        let shelf = options.shelf(&blueprint, &mut stored, &mut need)?;
        if options.backend != Backend::Cpu {
            need.per_token = 4 * blueprint.opened();
        }
        match options.backend {
            Backend::Cpu => {}
            Backend::Candle => need.weights = spec.weight_bytes,
            Backend::CandleF32 => need.weights = spec.parameters.saturating_mul(4),
        }
        options.check_memory(need, blueprint.context)?;
        on_progress(ProgressEvent::Started {
            stage: ProgressStage::Loading,
            what: self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            total: Some(stored.file_bytes()?),
        });
        let model: Box<dyn CausalLm> = match options.backend {
            Backend::Cpu => {
                let kernels = options.kernels()?;
                let mut weights =
                    load_weights(source, blueprint, stored, kernels, threads, on_progress)?;
                let mut spec = spec;
                spec.parameters = weights.parameters();
                spec.weight_bytes = weights.bytes();
                let shelf = match shelf {
                    Some(plan) => {
                        let fused = fused.clone();
                        Some(self.lay_out(plan, fused, options, &mut weights, &mut spec)?)
                    }
                    None => None,
                };
                let mut decoder = decoder(weights, spec, options, threads, shelf)?;
                decoder.measure_experts()?;
                Box::new(decoder)
            }
            Backend::Candle => open_candle(source, blueprint, spec, Weights::Stored)?,
            Backend::CandleF32 => open_candle(source, blueprint, spec, Weights::Floats)?,
        };
        on_progress(ProgressEvent::Finished { path: None });
        Ok(model)
    }
}

impl OpenOptions {
    /// Refuses what does not fit, with a context of at most what the model was trained for: more
    /// than that is refused as such.
    pub(crate) fn check_memory(&self, need: Need, trained_for: usize) -> Result<(), ModelError> {
        let need = self.with_context(need, trained_for);
        match self.memory_at_hand() {
            Some(have) if need > have => {
                Err(ModelError::MemoryExceeded { need: ByteSize(need), have: ByteSize(have) })
            }
            _ => Ok(()),
        }
    }

    /// All that a model takes, with the context that is asked for.
    fn with_context(&self, need: Need, trained_for: usize) -> u64 {
        need.bytes(self.context.unwrap_or(0).min(trained_for) as u64)
    }

    /// How many bytes the model may take, where that is known.
    fn memory_at_hand(&self) -> Option<u64> {
        self.memory.or_else(|| available_memory(Path::new("/")))
    }

    pub(crate) fn kernels(&self) -> Result<&'static Kernels, ModelError> {
        Ok(match self.level {
            Some(level) => Kernels::at(level)?,
            None => Kernels::detect()?,
        })
    }
}

/// Our own backend over loaded weights.
pub(crate) fn decoder(
    weights: DecoderWeights,
    mut spec: ModelSpec,
    options: &OpenOptions,
    threads: usize,
    shelf: Option<Shelf>,
) -> Result<Decoder, ModelError> {
    let floats = weights
        .layers
        .first()
        .is_none_or(|l| l.attention.query().weight.activation_kind() == ActKind::F32);
    let kv = options.kv.resolved(floats);
    let b = &weights.blueprint;
    spec.kv_bytes_per_token = kv.bytes(b.cached());
    let decoder = Decoder::new(weights, spec, kv, threads, shelf)?;
    tracing::debug!(level = %decoder.kernels().level(), threads, "model loaded");
    Ok(decoder)
}

#[cfg(feature = "candle")]
fn open_candle(
    source: &dyn TensorSource,
    blueprint: Blueprint,
    spec: ModelSpec,
    weights: Weights,
) -> Result<Box<dyn CausalLm>, ModelError> {
    let floats = weights == Weights::Floats;
    Ok(Box::new(crate::candle_backend::CandleDecoder::load(source, blueprint, spec, floats)?))
}

#[cfg(not(feature = "candle"))]
fn open_candle(
    _source: &dyn TensorSource,
    _blueprint: Blueprint,
    _spec: ModelSpec,
    _weights: Weights,
) -> Result<Box<dyn CausalLm>, ModelError> {
    Err(ModelError::Unsupported {
        what: "the candle backend".to_owned(),
        why: "this build has no candle; build it with the feature `candle`".to_owned(),
    })
}

/// What the model is, as far as its files tell before they are read.
pub(crate) fn spec(b: &Blueprint, source: &dyn TensorSource) -> ModelSpec {
    let mut bytes_of = std::collections::BTreeMap::new();
    let (mut parameters, mut weight_bytes) = (0, 0);
    for info in source.names().filter_map(|name| source.info(name).ok()) {
        parameters += info.shape.iter().product::<usize>() as u64;
        weight_bytes += info.bytes;
        *bytes_of.entry(info.format.name()).or_insert(0_u64) += info.bytes;
    }
    let most = bytes_of.into_iter().max_by_key(|(_, bytes)| *bytes);
    ModelSpec {
        architecture: b.architecture.clone(),
        name: b.name.clone(),
        quantization: most.map_or_else(String::new, |(name, _)| name.to_owned()),
        parameters,
        vocab_size: b.vocab,
        context_length: b.context,
        hidden_size: b.hidden,
        layers: b.layers.len(),
        heads: b.widest(|layer| layer.attention.heads),
        kv_heads: b.widest(|layer| layer.attention.kv_heads),
        head_dim: b.widest(|layer| layer.attention.head_dim),
        weight_bytes,
        kv_bytes_per_token: 0,
        experts_on_disk: None,
    }
}
