//! Decoders that make vectors: a text's vector comes from its hidden states behind the last layer,
//! as in Qwen3-Embedding (Zhang et al., 2025), where the files beside the decoder say how.

use std::path::{Path, PathBuf};

use pricket_core::{ProgressEvent, ProgressStage};
use pricket_simd::default_threads;
use serde::Deserialize;

use super::files::{folder_of, text_assets};
use super::json;
use super::open::{EncoderOptions, OpenedEncoder};
use super::pooling::{Pooling, PoolingMode, normalize};
use super::recipe::EmbeddingRecipe;
use super::{EncoderBatch, EncoderOutput, EncoderRows, EncoderSpec, TextEncoder};
use crate::blueprint::Blueprint;
use crate::checkpoint::Checkpoint;
use crate::config::ConfigHead;
use crate::decoder::{Decoder, Need, Parts, load_weights};
use crate::inventory::Inventory;
use crate::limits::CONFIG_BYTES_MAX;
use crate::quantizing::Quantizing;
use crate::tensor_source::Bytes;
use crate::{
    Batch, CausalLm, HfConfig, LogitsWanted, ModelError, OpenOptions, TensorInfo, TensorSource,
    arch, open,
};

/// The most tokens of the texts that run together, on each thread, but for a longer text.
const GROUP_TOKENS: usize = 256;

/// The most texts that run together: what a cache is opened for.
const GROUP_TEXTS: usize = 64;

/// What a file without the head of a language model leaves out in front of names.
const BODY: &str = "model.";

/// The files of such a model, of which the headers have been read.
#[derive(Debug)]
pub(super) struct CausalFiles {
    folder: PathBuf,
    recipe: EmbeddingRecipe,
    blueprint: Blueprint,
    source: Box<dyn TensorSource>,
}

/// Which tokens see which.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawSight {
    use_bidirectional_attention: Option<bool>,
    is_causal: Option<bool>,
}

impl CausalFiles {
    /// Looks at a path; `None` where there is no decoder, or nothing that says how vectors come
    /// from it.
    ///
    /// # Errors
    /// Whatever is wrong with the headers is named: see [`ModelError`].
    pub(super) fn at(path: &Path) -> Result<Option<Self>, ModelError> {
        let Some(folder) = folder_of(path).filter(|folder| folder.join("modules.json").exists())
        else {
            return Ok(None);
        };
        let recipe = EmbeddingRecipe::read(folder)?;
        let file = recipe.transformer.join("config.json");
        let bytes = Bytes::open(&file)?.read_all(CONFIG_BYTES_MAX)?;
        let family = ConfigHead::from_json(&file, &bytes)?.model_type.unwrap_or_default();
        if arch::check(&family, None).is_err() {
            return Ok(None);
        }
        let sight: RawSight = json::parse(&file, &bytes)?;
        let all = sight.use_bidirectional_attention == Some(true) || sight.is_causal == Some(false);
        let mut blueprint = arch::body_from_config(&HfConfig::from_json(&file, &bytes)?)?;
        let long = blueprint.ropes.iter().any(|rope| rope.long.is_some());
        for (what, found) in [
            ("attention to later tokens", all),
            ("rotations that depend on the length of the context", long),
        ] {
            if found {
                return Err(ModelError::Unsupported {
                    what: format!("an embedding by a decoder with {what}"),
                    why: format!("{} asks for it", file.display()),
                });
            }
        }
        recipe.check_width(folder, blueprint.hidden)?;
        // No logits are computed, so no matrix for them is asked for.
        blueprint.tied = Some(true);
        let files = Checkpoint::at(&recipe.transformer)?.into_source();
        let source =
            if files.has(blueprint.names.embedding) { files } else { Box::new(Body::of(files)) };
        Ok(Some(Self { folder: folder.to_owned(), recipe, blueprint, source }))
    }

    /// Reads and packs the weights.
    ///
    /// # Errors
    /// As [`open_encoder`](super::open_encoder).
    pub(super) fn load(
        self,
        options: &EncoderOptions,
        on_progress: &mut dyn FnMut(ProgressEvent),
    ) -> Result<OpenedEncoder, ModelError> {
        let Self { folder, recipe, blueprint, source } = self;
        let stored: &dyn TensorSource = &*source;
        let quantizing = Quantizing::over(stored, options.quantize);
        let source = quantizing.as_ref().map_or(stored, |quantizing| quantizing as _);
        Inventory::of(&blueprint, source).check()?;
        let stored = Parts::of(source, &blueprint)?;
        let threads = options.threads.unwrap_or_else(default_threads);
        let EncoderOptions { level, memory, .. } = *options;
        let options = OpenOptions { level, memory, ..OpenOptions::default() };
        let need = Need::of(&blueprint, &stored, options.kv, threads)?;
        // Keys and values of a group; a longer text asks for its room when it comes.
        let together = GROUP_TOKENS * threads;
        let options = OpenOptions { context: Some(together), ..options };
        options.check_memory(need, blueprint.context)?;
        on_progress(ProgressEvent::Started {
            stage: ProgressStage::Loading,
            what: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            total: Some(stored.file_bytes()?),
        });
        let mut spec = open::spec(&blueprint, source);
        let kernels = options.kernels()?;
        let weights = load_weights(source, blueprint, stored, kernels, threads, on_progress)?;
        (spec.parameters, spec.weight_bytes) = (weights.parameters(), weights.bytes());
        let decoder = open::decoder(weights, spec, &options, threads, None)?;
        on_progress(ProgressEvent::Finished { path: None });
        let text = text_assets(&recipe.transformer);
        let encoder = Box::new(CausalEncoder::new(decoder, &recipe, together));
        Ok(OpenedEncoder { encoder, recipe, text })
    }
}

/// Whether there is a decoder at a path, and what says how vectors come from it.
pub(crate) fn embeds(path: &Path) -> bool {
    matches!(CausalFiles::at(path), Ok(Some(_)))
}

/// A body's tensors under the names that they have in a whole model.
#[derive(Debug)]
struct Body {
    files: Box<dyn TensorSource>,
    names: Vec<String>,
}

impl Body {
    fn of(files: Box<dyn TensorSource>) -> Self {
        let names = files.names().map(|name| format!("{BODY}{name}")).collect();
        Self { files, names }
    }

    fn own(name: &str) -> Result<&str, ModelError> {
        let missing = || ModelError::TensorMissing { tensor: name.to_owned() };
        name.strip_prefix(BODY).ok_or_else(missing)
    }
}

impl TensorSource for Body {
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.names.iter().map(String::as_str))
    }

    fn has(&self, name: &str) -> bool {
        Self::own(name).is_ok_and(|own| self.files.has(own))
    }

    fn info(&self, name: &str) -> Result<TensorInfo, ModelError> {
        let info = self.files.info(Self::own(name)?)?;
        Ok(TensorInfo { name: name.to_owned(), ..info })
    }

    fn read_range(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ModelError> {
        self.files.read_range(Self::own(name)?, offset, buffer)
    }
}

/// A decoder that is asked for hidden states.
#[derive(Debug)]
struct CausalEncoder {
    decoder: Decoder,
    spec: EncoderSpec,
    pooling: Pooling,
    normalize: bool,
    group_tokens: usize,
}

impl CausalEncoder {
    fn new(decoder: Decoder, recipe: &EmbeddingRecipe, group_tokens: usize) -> Self {
        let of = decoder.spec();
        let context = of.context_length;
        let spec = EncoderSpec {
            architecture: of.architecture.clone(),
            name: of.name.clone(),
            output: EncoderOutput::Vectors { normalized: recipe.normalize },
            width: recipe.pooling.width(of.hidden_size),
            tokens_max: recipe.tokens_max.map_or(context, |most| most.min(context)),
            batch_tokens: 2 * group_tokens,
            vocab_size: of.vocab_size,
            token_types: 1,
            hidden_size: of.hidden_size,
            layers: of.layers,
            heads: of.heads,
            parameters: of.parameters,
            weight_bytes: of.weight_bytes,
        };
        let (pooling, normalize) = (recipe.pooling.clone(), recipe.normalize);
        Self { decoder, spec, pooling, normalize, group_tokens }
    }

    /// Some texts of a batch together.
    fn group(
        &mut self,
        batch: &EncoderBatch,
        texts: std::ops::Range<usize>,
        out: &mut [f32],
    ) -> Result<(), ModelError> {
        let texts = batch.texts().get(texts).unwrap_or_default();
        let hidden = self.spec.hidden_size;
        let only_last = self.pooling.modes() == [PoolingMode::LastToken];
        let wanted = if only_last { LogitsWanted::Last } else { LogitsWanted::All };
        let longest = texts.iter().map(|text| text.len).max().unwrap_or(0);
        let mut cache = self.decoder.new_cache(texts.len(), longest)?;
        let mut together = Batch::default();
        for text in texts {
            together.push(cache.open_sequence()?, 0, batch.tokens_of(text), wanted);
        }
        let mut states = Vec::new();
        self.decoder.states(&together, &mut cache, &mut states)?;
        let (kernels, mut rest) = (self.decoder.kernels(), &states[..]);
        for (text, out) in texts.iter().zip(out.chunks_exact_mut(self.spec.width)) {
            let rows = if only_last { 1 } else { text.len };
            let own;
            (own, rest) = rest.split_at_checked(rows * hidden).unwrap_or_default();
            self.pooling.pool(kernels, own, hidden, out)?;
            if self.normalize {
                normalize(kernels, out)?;
            }
        }
        Ok(())
    }
}

impl TextEncoder for CausalEncoder {
    fn spec(&self) -> &EncoderSpec {
        &self.spec
    }

    fn encode(&mut self, batch: &EncoderBatch, rows: &mut EncoderRows) -> Result<(), ModelError> {
        batch.check(&self.spec)?;
        let (count, width) = (batch.texts().len(), self.spec.width);
        let out = rows.reset(count, width);
        let mut first = 0;
        while first < count {
            let (mut last, mut tokens) = (first, 0);
            while let Some(text) = batch.texts().get(last) {
                tokens += text.len;
                if last > first && (tokens > self.group_tokens || last - first == GROUP_TEXTS) {
                    break;
                }
                last += 1;
            }
            let places = out.get_mut(first * width..last * width).unwrap_or_default();
            self.group(batch, first..last, places)?;
            first = last;
        }
        Ok(())
    }
}
