//! What a model file is, told without loading it.

mod checkpoint;
mod gguf;

use std::path::Path;

use pricket_core::ByteSize;
use pricket_simd::default_threads;
use serde::{Deserialize, Serialize};

use crate::decoder::{ExpertsNeed, Need, Parts};
use crate::files::{Found, gguf_of};
use crate::fused_experts::FusedExperts;
use crate::inventory::Inventory;
use crate::latent_heads::LatentHeads;
use crate::{KvFormat, ModelError, ZippedTensors, encoder};

/// The kinds of model files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelFormat {
    /// A GGUF file.
    Gguf,
    /// A folder with `config.json` and safetensors files.
    Safetensors,
    /// A folder with `config.json` and files that `torch.save` wrote.
    Torch,
    /// A folder with `config.json` and a file that `numpy.savez` wrote.
    Numpy,
}

/// How many tensors are stored in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorTypeCount {
    /// How they are stored, as the file names it (`Q4_1`, `BF16`).
    pub name: String,
    /// How many tensors.
    pub tensors: u64,
    /// How many values they have together.
    pub parameters: u64,
    /// How many bytes they have together.
    pub bytes: u64,
    /// Whether this build reads them.
    pub supported: bool,
}

/// What a model file is. Sizes that the files do not tell are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The file or folder.
    pub path: String,
    /// What kind it is.
    pub format: ModelFormat,
    /// The format's version, where it has one.
    pub format_version: Option<u32>,
    /// How many files hold the weights.
    pub files: u64,
    /// The size of these files in bytes.
    pub file_bytes: u64,
    /// The architecture, as the file names it (`llama`).
    pub architecture: String,
    /// Whether this build runs that architecture.
    pub architecture_supported: bool,
    /// The model's own name.
    pub name: Option<String>,
    /// How many weights it has.
    pub parameters: u64,
    /// How most bytes of its matrices are stored.
    pub quantization: String,
    /// All ways in which tensors are stored, the one with most bytes first.
    pub tensor_types: Vec<TensorTypeCount>,
    /// The longest context that it was trained for, in tokens.
    pub context_length: Option<u64>,
    /// The size of the vocabulary.
    pub vocab_size: Option<u64>,
    /// How many layers.
    pub layers: Option<u64>,
    /// Width of the residual stream.
    pub hidden_size: Option<u64>,
    /// How many query heads.
    pub heads: Option<u64>,
    /// How many key-value heads.
    pub kv_heads: Option<u64>,
    /// Width of a head.
    pub head_dim: Option<u64>,
    /// The kind of tokenizer: a GGUF file's `tokenizer.ggml.model`, or the file that holds it.
    pub tokenizer: Option<String>,
    /// Whether there is a chat template.
    pub has_chat_template: bool,
    /// Tensors that the architecture asks for and the files do not have. Empty where this build
    /// does not run the architecture.
    pub missing_tensors: Vec<String>,
    /// Tensors that the files have and the architecture does not use, likewise.
    pub unused_tensors: Vec<String>,
    /// Bytes of all tensors in the files.
    pub weight_bytes: u64,
    /// Bytes that a token occupies in the cache of keys and values as [`KvFormat::Auto`] keeps it:
    /// in single precision beside weights that are floats, else in half precision.
    pub kv_bytes_per_token: Option<u64>,
    /// Bytes of the weights in memory, packed for the kernels; `None` where this build does not run
    /// the model.
    pub packed_bytes: Option<u64>,
    /// An estimate of the buffers of a forward pass on this machine's cores, of loading and of the
    /// vocabulary, likewise.
    pub buffer_bytes: Option<u64>,
    /// Of a mixture of experts that this build runs, the bytes of all experts in memory, a part of
    /// [`packed_bytes`](Self::packed_bytes).
    pub expert_bytes: Option<u64>,
    /// Likewise, room for one expert, the least that
    /// [`OpenOptions::experts_memory`](crate::OpenOptions::experts_memory) can be.
    pub expert_room_bytes: Option<u64>,
    /// An estimate of the memory that the model needs with the whole context, see
    /// [`Inspection::memory_bytes`].
    pub memory_bytes_full_context: Option<u64>,
}

impl Inspection {
    /// An estimate of the memory that the model needs with a context of so many tokens: the packed
    /// weights, the buffers, and the cache of keys and values (see
    /// [`Inspection::kv_bytes_per_token`]). Of a model that this build does not run, the weights as
    /// they are in the file, and the cache.
    pub fn memory_bytes(&self, context: u64) -> Option<u64> {
        let weights = self.packed_bytes.unwrap_or(self.weight_bytes);
        let fixed = weights.checked_add(self.buffer_bytes.unwrap_or(0))?;
        self.kv_bytes_per_token?.checked_mul(context)?.checked_add(fixed)
    }

    /// The same where experts stay on disk but for those that fit into `experts_memory` bytes;
    /// `None` where the model is no mixture, or there is no room for one.
    pub fn memory_bytes_on_disk(&self, context: u64, experts_memory: u64) -> Option<u64> {
        let one = self.expert_room_bytes.filter(|one| experts_memory >= *one)?;
        let slots = experts_memory / one.max(1) * one;
        let rest = self.memory_bytes(context)?.saturating_sub(self.expert_bytes?);
        rest.checked_add(slots.min(self.expert_bytes?))
    }

    /// Refuses a model that does not fit into `have` bytes with a context of so many tokens. A
    /// model whose needs the files do not tell passes.
    ///
    /// # Errors
    /// [`ModelError::MemoryExceeded`] with both numbers.
    pub fn check_memory(&self, context: u64, have: u64) -> Result<(), ModelError> {
        match self.memory_bytes(context) {
            Some(need) if need > have => {
                Err(ModelError::MemoryExceeded { need: ByteSize(need), have: ByteSize(have) })
            }
            _ => Ok(()),
        }
    }
}

/// Tells what a model is: a GGUF file or a folder with one; a folder with `config.json` and
/// weights, in safetensors files or else as torch or numpy saves them; or a file of such a folder.
/// Only headers are read. Architectures and quantisations that this build does not run are told
/// like all others.
///
/// # Errors
/// [`ModelError::NotFound`] where there is nothing, or nothing that is a model; otherwise what the
/// readers of the formats refuse.
pub fn inspect(path: &Path) -> Result<Inspection, ModelError> {
    let mut inspection = described(path)?;
    if inspection.architecture_supported && !encoder::embeds(path) {
        // What refuses to open is told all the same, only not what it lacks.
        let found = Found::at(path).and_then(|found| Ok((found.blueprint()?, found)));
        if let Ok((blueprint, found)) = found {
            let heads = LatentHeads::over(found.source(), &blueprint);
            let source = heads.as_ref().map_or(found.source(), |heads| heads as _);
            let fused = FusedExperts::find(source, &blueprint);
            let split = fused.as_ref().map(|fused| fused.over(source));
            let source = split.as_ref().map_or(source, |split| split as _);
            let Inventory { missing, unused } = Inventory::of(&blueprint, source);
            (inspection.missing_tensors, inspection.unused_tensors) = (missing, unused);
            let need = Parts::of(source, &blueprint).and_then(|stored| {
                let need = Need::of(&blueprint, &stored, KvFormat::Auto, default_threads())?;
                Ok((need, ExpertsNeed::of(&stored)?))
            });
            if let Ok((need, experts)) = need {
                inspection.expert_bytes = experts.map(|experts| experts.all);
                inspection.expert_room_bytes = experts.map(|experts| experts.one);
                inspection.packed_bytes = Some(need.weights);
                inspection.buffer_bytes = Some(need.buffers);
                inspection.kv_bytes_per_token = Some(need.per_token);
            }
        }
    }
    let full = inspection.context_length;
    inspection.memory_bytes_full_context = full.and_then(|all| inspection.memory_bytes(all));
    Ok(inspection)
}

/// What the headers tell.
fn described(path: &Path) -> Result<Inspection, ModelError> {
    let not_found = |why: &str| ModelError::NotFound { path: path.to_owned(), why: why.to_owned() };
    if path.is_dir() {
        if path.join(checkpoint::CONFIG).exists() {
            return checkpoint::inspect(path, path);
        }
        return gguf::inspect(&gguf_of(path)?);
    }
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => {
            let folder = path.parent().unwrap_or(Path::new(""));
            if path.exists() && !folder.join(checkpoint::CONFIG).exists() {
                return Err(not_found("there is no `config.json` beside it"));
            }
            checkpoint::inspect(folder, path)
        }
        // Content decides, not the name: caches name files by their hash.
        _ if ZippedTensors::is_named(path) => {
            let folder = path.parent().unwrap_or(Path::new(""));
            checkpoint::inspect(folder, ZippedTensors::place_of(path))
        }
        _ => gguf::inspect(path),
    }
}

/// Sums tensors by how they are stored.
#[derive(Default)]
struct Histogram(Vec<TensorTypeCount>);

impl Histogram {
    fn add(&mut self, name: &str, parameters: u64, bytes: u64, supported: bool) {
        let place = self.0.iter().position(|entry| entry.name == name);
        let entry = match place.and_then(|place| self.0.get_mut(place)) {
            Some(entry) => entry,
            None => self.0.push_mut(TensorTypeCount {
                name: name.to_owned(),
                tensors: 0,
                parameters: 0,
                bytes: 0,
                supported,
            }),
        };
        entry.tensors += 1;
        entry.parameters = entry.parameters.saturating_add(parameters);
        entry.bytes = entry.bytes.saturating_add(bytes);
    }

    /// The entry with most bytes first.
    fn sorted(mut self) -> Vec<TensorTypeCount> {
        self.0.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        self.0
    }
}

fn total(types: &[TensorTypeCount], of: fn(&TensorTypeCount) -> u64) -> u64 {
    types.iter().fold(0, |sum, entry| sum.saturating_add(of(entry)))
}

/// Numbers that a token leaves in a layer: a key and a value of every head; or, where attention is
/// latent, the latent, and the key that tells the position.
fn cached_numbers(
    kv_heads: Option<u64>,
    head_dim: Option<u64>,
    latent: Option<(u64, Option<u64>)>,
) -> Option<u64> {
    match latent {
        Some((rank, turned)) => rank.checked_add(turned?),
        None => kv_heads?.checked_mul(head_dim?)?.checked_mul(2),
    }
}

/// Bytes that a token occupies in the cache. `of_floats` tells whether the weights beside it are
/// floats.
fn kv_bytes_per_token(layers: Option<u64>, numbers: Option<u64>, of_floats: bool) -> Option<u64> {
    Some(KvFormat::Auto.resolved(of_floats).bytes(layers?.checked_mul(numbers?)?))
}
