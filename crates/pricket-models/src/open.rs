//! From a path to a model.

use std::path::{Path, PathBuf};

use pricket_core::{ByteSize, ProgressEvent, ProgressStage};
use pricket_simd::{ActKind, Kernels, Level, default_threads};

use crate::blueprint::Blueprint;
use crate::decoder::{Decoder, KvFormat, load_weights};
use crate::folder::HfFolder;
use crate::gguf::GgufFile;
use crate::inventory::Inventory;
use crate::{CausalLm, ModelError, ModelSpec, TensorSource, TextAssets, arch, memory};

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

/// What a path holds.
#[derive(Debug)]
pub(crate) enum Found {
    Gguf(GgufFile),
    Folder(HfFolder),
}

impl Found {
    /// Looks at a path: a GGUF file, a folder with a `config.json`, a file of such a folder, or a
    /// folder with one GGUF file.
    pub(crate) fn at(path: &Path) -> Result<Self, ModelError> {
        let not_found = |why: &str| ModelError::NotFound { path: path.into(), why: why.into() };
        let meta = std::fs::metadata(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => not_found("there is no such file or folder"),
            _ => ModelError::Read { path: path.into(), source },
        })?;
        if meta.is_file() {
            let name = path.file_name().unwrap_or_default();
            let of_folder = name == "config.json"
                || path.extension().is_some_and(|extension| extension == "safetensors");
            return match (of_folder, path.parent()) {
                (true, Some(parent)) => HfFolder::open(parent).map(Self::Folder),
                _ => GgufFile::open(path).map(Self::Gguf),
            };
        }
        if path.join("config.json").is_file() {
            return HfFolder::open(path).map(Self::Folder);
        }
        let mut files = gguf_files(path)?;
        match (files.pop(), files.len()) {
            (Some(file), 0) => GgufFile::open(&file).map(Self::Gguf),
            (Some(_), more) => {
                Err(not_found(&format!("the folder holds {} GGUF files; name one", more + 1)))
            }
            (None, _) => Err(not_found("the folder holds no config.json and no GGUF file")),
        }
    }

    pub(crate) fn source(&self) -> &dyn TensorSource {
        match self {
            Self::Gguf(file) => file,
            Self::Folder(folder) => folder.tensors(),
        }
    }

    pub(crate) fn blueprint(&self) -> Result<Blueprint, ModelError> {
        match self {
            Self::Gguf(file) => arch::from_gguf(file),
            Self::Folder(folder) => arch::from_config(folder.config()),
        }
    }

    pub(crate) fn text_assets(&self) -> Result<TextAssets, ModelError> {
        match self {
            Self::Gguf(file) => file.text_assets(),
            Self::Folder(folder) => folder.text_assets(),
        }
    }
}

/// The GGUF files of a folder, sorted by name.
pub(crate) fn gguf_files(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let unreadable = |source| ModelError::Read { path: folder.into(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "gguf") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// What a model's files say about text, without its weights: the same paths as [`open`] takes.
///
/// # Errors
/// Whatever is wrong with the files is named: see [`ModelError`].
pub fn text_assets(path: &Path) -> Result<TextAssets, ModelError> {
    Found::at(path)?.text_assets()
}

/// Opens the model at a path: a GGUF file, or a folder as transformers writes it. Progress goes to
/// `on_progress` as the weights arrive.
///
/// # Errors
/// Whatever is wrong with the files is named: see [`ModelError`]. A model that cannot fit into the
/// memory that is available is refused before it is read.
pub fn open(
    path: &Path,
    options: &OpenOptions,
    on_progress: &mut dyn FnMut(ProgressEvent),
) -> Result<Opened, ModelError> {
    let found = Found::at(path)?;
    let blueprint = found.blueprint()?;
    let text = found.text_assets()?;
    let source = found.source();
    Inventory::of(&blueprint, source).check()?;
    let spec = spec(&blueprint, source);
    let need = spec.weight_bytes;
    if let Some(have) = memory::available()
        && need > have
    {
        return Err(ModelError::MemoryExceeded { need: ByteSize(need), have: ByteSize(have) });
    }
    on_progress(ProgressEvent::Started {
        stage: ProgressStage::Loading,
        what: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        total: Some(need),
    });
    let model: Box<dyn CausalLm> = match options.backend {
        Backend::Cpu => Box::new(open_cpu(source, blueprint, spec, options, on_progress)?),
        Backend::Candle => open_candle(source, blueprint, spec, Weights::Stored)?,
        Backend::CandleF32 => open_candle(source, blueprint, spec, Weights::Floats)?,
    };
    Ok(Opened { model, text })
}

fn open_cpu(
    source: &dyn TensorSource,
    blueprint: Blueprint,
    mut spec: ModelSpec,
    options: &OpenOptions,
    on_progress: &mut dyn FnMut(ProgressEvent),
) -> Result<Decoder, ModelError> {
    let kernels = match options.level {
        Some(level) => Kernels::at(level)?,
        None => Kernels::detect()?,
    };
    let threads = options.threads.unwrap_or_else(default_threads);
    let weights = load_weights(source, blueprint, kernels, threads, on_progress)?;
    let floats =
        weights.layers.first().is_none_or(|l| l.query.weight.activation_kind() == ActKind::F32);
    let kv = options.kv.resolved(floats);
    let b = &weights.blueprint;
    spec.parameters = weights.parameters();
    spec.weight_bytes = weights.bytes();
    spec.kv_bytes_per_token = 2 * (b.layers * b.kv_width()) as u64 * kv.number_bytes();
    let decoder = Decoder::new(weights, spec, kv, threads)?;
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
fn spec(b: &Blueprint, source: &dyn TensorSource) -> ModelSpec {
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
        layers: b.layers,
        heads: b.heads,
        kv_heads: b.kv_heads,
        head_dim: b.head_dim,
        weight_bytes,
        kv_bytes_per_token: 0,
    }
}
