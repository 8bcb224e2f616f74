//! From a folder to an encoder.

use std::path::Path;

use pricket_core::{ByteSize, ProgressEvent, ProgressStage};
use pricket_simd::{Kernels, Level, default_threads};

use super::blueprint::{EncoderBlueprint, Task};
use super::causal::CausalFiles;
use super::files::EncoderFiles;
use super::loading::Plan;
use super::recipe::EmbeddingRecipe;
use super::weights::EncoderWeights;
use super::work::GROUP_TOKENS;
use super::{Encoder, EncoderOutput, EncoderSpec, TextEncoder, space};
use crate::quantizing::{Quantization, Quantizing};
use crate::{ModelError, TensorSource, TextAssets, available_memory};

/// How many groups of texts a batch should have for each thread: a longer batch is dealt out more
/// evenly, a shorter one has its vectors sooner.
const BATCH_GROUPS: usize = 2;

/// How to open an encoder.
#[derive(Debug, Clone, Default)]
pub struct EncoderOptions {
    /// How many threads compute; `None` takes one for each physical core.
    pub threads: Option<usize>,
    /// The instruction set of the kernels; `None` takes the best that the CPU has, or what
    /// `PRICKET_SIMD` names.
    pub level: Option<Level>,
    /// How many bytes the model may take, weights and buffers together; `None` asks the system what
    /// it has: see [`available_memory`].
    pub memory: Option<u64>,
    /// What matrices and tables of floats become while they are read; with
    /// [`Quantization::Q8_0`], products are those of bytes, which take less time and give nearly
    /// the same vectors.
    pub quantize: Quantization,
}

/// An encoder, ready to run, and what its files say about texts and vectors.
pub struct OpenedEncoder {
    /// The model.
    pub encoder: Box<dyn TextEncoder>,
    /// Prefixes, lengths, pooling.
    pub recipe: EmbeddingRecipe,
    /// The vocabulary.
    pub text: TextAssets,
}

impl std::fmt::Debug for OpenedEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedEncoder")
            .field("spec", self.encoder.spec())
            .field("recipe", &self.recipe)
            .finish_non_exhaustive()
    }
}

/// Opens the encoder in a folder, or in that of a file in it, as transformers or
/// sentence-transformers writes it: BERT, `RoBERTa`, XLM-RoBERTa or Nomic's BERT in safetensors,
/// for vectors, or with a classifier of one label on top, for scores; or BERT or Nomic's BERT in a
/// GGUF file, for vectors; or, for vectors, a decoder that `open` runs, where files beside it say,
/// as sentence-transformers writes them, how its hidden states become one. Progress goes to
/// `on_progress` as the weights arrive.
///
/// ```no_run
/// use pricket_models::{EncoderBatch, EncoderOptions, EncoderRows, open_encoder};
///
/// let options = EncoderOptions::default();
/// let mut opened = open_encoder("all-MiniLM-L6-v2".as_ref(), &options, &mut |_| ())?;
/// let mut batch = EncoderBatch::default();
/// batch.push(&[101, 7592, 2088, 102]); // [CLS] hello world [SEP]
/// let mut rows = EncoderRows::default();
/// opened.encoder.encode(&batch, &mut rows)?;
/// assert_eq!(rows.row(0).len(), 384);
/// # Ok::<(), pricket_models::ModelError>(())
/// ```
///
/// # Errors
/// Whatever is wrong with the files is named: see [`ModelError`]. [`ModelError::MemoryExceeded`]
/// before anything large is read where the model needs more memory than there is.
pub fn open_encoder(
    path: &Path,
    options: &EncoderOptions,
    on_progress: &mut dyn FnMut(ProgressEvent),
) -> Result<OpenedEncoder, ModelError> {
    if let Some(files) = CausalFiles::at(path)? {
        return files.load(options, on_progress);
    }
    let files = EncoderFiles::at(path)?;
    let EncoderFiles { blueprint, recipe, text, .. } = files;
    let stored: &dyn TensorSource = &*files.source;
    let quantizing = Quantizing::over(stored, options.quantize);
    let source = quantizing.as_ref().map_or(stored, |quantizing| quantizing as _);
    let plan = Plan::of(source, blueprint.clone())?;
    recipe.check_width(&files.path, blueprint.hidden)?;
    let threads = options.threads.unwrap_or_else(default_threads);
    options.check_memory(&plan, &blueprint, &recipe, threads)?;
    let kernels = match options.level {
        Some(level) => Kernels::at(level)?,
        None => Kernels::detect()?,
    };
    on_progress(ProgressEvent::Started {
        stage: ProgressStage::Loading,
        what: files.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        total: Some(plan.file_bytes()?),
    });
    let weights = plan.load(&recipe, kernels, on_progress)?;
    on_progress(ProgressEvent::Finished { path: None });
    let spec = spec(&weights, &recipe, threads);
    let encoder = Box::new(Encoder::new(weights, spec, threads)?);
    Ok(OpenedEncoder { encoder, recipe, text })
}

impl EncoderOptions {
    /// Refuses what does not fit.
    fn check_memory(
        &self,
        plan: &Plan<'_>,
        b: &EncoderBlueprint,
        recipe: &EmbeddingRecipe,
        threads: usize,
    ) -> Result<(), ModelError> {
        // A text that is longer than a group asks for its room when it comes.
        let tokens = tokens_max(b, recipe).min(GROUP_TOKENS);
        let buffers = space::bytes(b, tokens).saturating_mul(threads as u64);
        let need = plan.memory_bytes()?.saturating_add(buffers);
        match self.memory.or_else(|| available_memory(Path::new("/"))) {
            Some(have) if need > have => {
                Err(ModelError::MemoryExceeded { need: ByteSize(need), have: ByteSize(have) })
            }
            _ => Ok(()),
        }
    }
}

/// The most tokens of a text: what there are positions for, or less where the makers say so.
fn tokens_max(b: &EncoderBlueprint, recipe: &EmbeddingRecipe) -> usize {
    recipe.tokens_max.map_or(b.tokens_max, |most| most.min(b.tokens_max))
}

fn spec(weights: &EncoderWeights, recipe: &EmbeddingRecipe, threads: usize) -> EncoderSpec {
    let b = &weights.blueprint;
    EncoderSpec {
        architecture: b.architecture.clone(),
        name: b.name.clone(),
        output: match b.task {
            Task::Vectors => EncoderOutput::Vectors { normalized: recipe.normalize },
            Task::Scores { sigmoid } => EncoderOutput::Scores { sigmoid },
        },
        width: weights.width(),
        tokens_max: tokens_max(b, recipe),
        batch_tokens: BATCH_GROUPS * GROUP_TOKENS * threads.max(1),
        vocab_size: b.vocab,
        token_types: b.types,
        hidden_size: b.hidden,
        layers: b.layers,
        heads: b.heads,
        parameters: weights.parameters(),
        weight_bytes: weights.bytes(),
    }
}
