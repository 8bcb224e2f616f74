//! From a folder to an encoder.

use std::path::Path;

use pricket_core::{ByteSize, ProgressEvent, ProgressStage};
use pricket_simd::{Kernels, Level, default_threads};

use super::blueprint::{EncoderBlueprint, Task};
use super::loading::Plan;
use super::recipe::EmbeddingRecipe;
use super::weights::EncoderWeights;
use super::work::GROUP_TOKENS;
use super::{Encoder, EncoderOutput, EncoderSpec, TextEncoder, config, space};
use crate::safetensors::Safetensors;
use crate::{ModelError, TextAssets, Vocabulary, available_memory};

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
/// for vectors, or with a classifier of one label on top, for scores. Progress goes to
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
    let folder = folder_of(path)?;
    let recipe = EmbeddingRecipe::read(folder)?;
    let blueprint = config::read(&recipe.transformer.join("config.json"))?;
    let source = Safetensors::open(&recipe.transformer)?;
    let plan = Plan::of(&source, blueprint.clone())?;
    recipe.check_width(folder, blueprint.hidden)?;
    let threads = options.threads.unwrap_or_else(default_threads);
    options.check_memory(&plan, &blueprint, &recipe, threads)?;
    let kernels = match options.level {
        Some(level) => Kernels::at(level)?,
        None => Kernels::detect()?,
    };
    on_progress(ProgressEvent::Started {
        stage: ProgressStage::Loading,
        what: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        total: Some(plan.file_bytes()?),
    });
    let weights = plan.load(&recipe, kernels, on_progress)?;
    on_progress(ProgressEvent::Finished { path: None });
    let spec = spec(&weights, &recipe, threads);
    let encoder = Box::new(Encoder::new(weights, spec, threads)?);
    let text = text_assets(&recipe.transformer);
    Ok(OpenedEncoder { encoder, recipe, text })
}

/// The folder that a path means: its own, or that of a file which lies in such folders.
fn folder_of(path: &Path) -> Result<&Path, ModelError> {
    let of_folder = path.file_name().is_some_and(|name| name == "config.json")
        || path.extension().is_some_and(|extension| extension == "safetensors");
    match path.parent() {
        _ if path.is_dir() => Ok(path),
        Some(parent) if of_folder && path.is_file() => Ok(parent),
        _ => {
            let exists = path.exists();
            let why = if exists {
                "an encoder is a folder with config.json and safetensors, and this is another file"
            } else {
                "there is no such file or folder"
            };
            Err(ModelError::NotFound { path: path.to_owned(), why: why.to_owned() })
        }
    }
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

/// An encoder has a vocabulary, and neither a chat template nor ends of answers.
fn text_assets(folder: &Path) -> TextAssets {
    let (tokenizer, config) = (folder.join("tokenizer.json"), folder.join("tokenizer_config.json"));
    let vocabulary = tokenizer
        .exists()
        .then(|| Vocabulary::HuggingFace { tokenizer, config: config.exists().then_some(config) });
    TextAssets { vocabulary, chat_template: None, generation: crate::GenerationDefaults::default() }
}
