//! The JSON files of a checkpoint folder: `config.json`, `generation_config.json`, chat templates.

mod folder;
mod generation;
mod head;
mod kinds;
mod raw;
mod rope;
mod template;

use std::fmt;
use std::path::{Path, PathBuf};

use pricket_core::OneOrMany;
use serde::de::DeserializeOwned;

pub(crate) use head::ConfigHead;
pub use kinds::{Activation, LayerType};
use kinds::{activation, layer_types};
use raw::{Fields, RawDecoder};
pub use rope::{RopeConfig, RopeScaling};
pub(crate) use rope::{long_attention_factor, pairs};
pub(crate) use template::find as find_template;

use crate::ModelError;
use crate::limits::{
    CONFIG_BYTES_MAX, CONTEXT_MAX, EOS_IDS_MAX, HEADS_MAX, LAYERS_MAX, VOCABULARY_MAX, WIDTH_MAX,
};
use crate::tensor_source::{Bytes, label};

/// What the config of a checkpoint says that decoders share, whatever its family calls itself
/// (which families run, and what else they say, is the architectures' matter), in either layout
/// that transformers writes (`rope_theta` with `rope_scaling`, or `rope_parameters`), every value
/// checked.
#[derive(Debug, Clone, PartialEq)]
pub struct HfConfig {
    /// The classes that the makers name, such as `LlamaForCausalLM`.
    pub architectures: Vec<String>,
    /// The family, such as `llama`.
    pub model_type: String,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// How many layers.
    pub num_hidden_layers: usize,
    /// How many query heads; a multiple of the key-value heads.
    pub num_attention_heads: usize,
    /// How many key-value heads; as many as query heads where the file names none.
    pub num_key_value_heads: usize,
    /// Width of a head, which is even; the residual stream divided by the heads where the file
    /// names none.
    pub head_dim: usize,
    /// How many tokens the vocabulary has.
    pub vocab_size: usize,
    /// The longest context that it was trained for, in tokens.
    pub max_position_embeddings: usize,
    /// What the norms add to the mean square.
    pub rms_norm_eps: f32,
    /// How positions become angles.
    pub rope: RopeConfig,
    /// The same of the layers with a window, where these have a rope of their own (Gemma 3).
    pub rope_local: Option<RopeConfig>,
    /// To how many positions a token attends in layers with a window, its own included.
    pub sliding_window: Option<usize>,
    /// Which layers have a window, one value for each layer, where the file says so.
    pub layer_types: Option<Vec<LayerType>>,
    /// Whether the embedding serves as output projection.
    pub tie_word_embeddings: bool,
    /// The token or tokens that begin a sequence.
    pub bos_token_id: Option<OneOrMany<u32>>,
    /// The token or tokens that end an answer.
    pub eos_token_id: Option<OneOrMany<u32>>,
    /// Whether the projections of attention have biases.
    pub attention_bias: bool,
    /// Whether the projections of the feed-forward layer have biases.
    pub mlp_bias: bool,
    /// The activation of the feed-forward layer.
    pub activation: Activation,
    source: Source,
}

/// The file itself, for what only one family's config says.
#[derive(Clone)]
struct Source {
    path: PathBuf,
    json: Vec<u8>,
}

impl PartialEq for Source {
    /// Two files that say the same are the same config.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("path", &self.path).finish_non_exhaustive()
    }
}

impl HfConfig {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// [`ModelError::NotFound`], [`ModelError::Read`] and [`ModelError::LimitExceeded`] for the
    /// file; otherwise as [`HfConfig::from_json`].
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::from_json(path, &Bytes::open(path)?.read_all(CONFIG_BYTES_MAX)?)
    }

    /// The same for JSON in memory; `path` is what messages call it.
    ///
    /// # Errors
    /// [`ModelError::Config`] names the value that is wrong;
    /// [`ModelError::Unsupported`] what such a config may have and this build does not run: another
    /// activation or kind of layer, a way of stretching positions, quantised weights.
    pub fn from_json(path: &Path, json: &[u8]) -> Result<Self, ModelError> {
        let mut raw: RawDecoder = raw::parse(path, json)?;
        let fields = Fields::new(path);
        let mut own = json.to_vec();
        if let Some(text) = raw.text_config.take().filter(|_| raw.hidden_size.is_none()) {
            // What sees pictures has the decoder's config within its own.
            own = text.to_string().into_bytes();
            let outer = std::mem::replace(&mut raw, raw::parse(path, &own)?);
            raw.model_type = outer.model_type.or(raw.model_type);
            raw.architectures = outer.architectures.or(raw.architectures);
            raw.quantization_config = outer.quantization_config.or(raw.quantization_config);
            raw.eos_token_id = raw.eos_token_id.or(outer.eos_token_id);
            raw.bos_token_id = raw.bos_token_id.or(outer.bos_token_id);
        }
        let model_type = raw.model_type.clone();
        let model_type = model_type.ok_or_else(|| fields.wrong("`model_type` is missing"))?;
        refuse_quantized(&raw)?;
        let hidden_size = fields.required("hidden_size", raw.hidden_size, WIDTH_MAX)?;
        let heads = fields.required("num_attention_heads", raw.num_attention_heads, HEADS_MAX)?;
        let kv_heads = fields
            .optional("num_key_value_heads", raw.num_key_value_heads, HEADS_MAX)?
            .unwrap_or(heads);
        if !heads.is_multiple_of(kv_heads) {
            return Err(fields.wrong(format!(
                "`num_attention_heads` ({heads}) is no multiple of `num_key_value_heads` \
                 ({kv_heads})"
            )));
        }
        let head_dim = head_dim(&fields, raw.head_dim, hidden_size, heads)?;
        let vocab_size = fields.required("vocab_size", raw.vocab_size, VOCABULARY_MAX)?;
        let context = "max_position_embeddings";
        let layers = fields.required("num_hidden_layers", raw.num_hidden_layers, LAYERS_MAX)?;
        let (rope, rope_local) = rope::resolve(&fields, &raw)?;
        Ok(Self {
            model_type,
            hidden_size,
            intermediate_size: fields.required(
                "intermediate_size",
                raw.intermediate_size,
                WIDTH_MAX,
            )?,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            num_key_value_heads: kv_heads,
            head_dim,
            vocab_size,
            max_position_embeddings: fields.required(
                context,
                raw.max_position_embeddings,
                CONTEXT_MAX,
            )?,
            rms_norm_eps: rms_norm_eps(&fields, raw.rms_norm_eps)?,
            rope,
            rope_local,
            sliding_window: fields.optional(
                "sliding_window",
                // The newer layout says 0 where there is none.
                raw.sliding_window.filter(|width| *width > 0),
                CONTEXT_MAX,
            )?,
            layer_types: layer_types(&fields, raw.layer_types.as_deref(), layers)?,
            tie_word_embeddings: raw.tie_word_embeddings.unwrap_or(false),
            bos_token_id: token_ids(&fields, "bos_token_id", raw.bos_token_id, vocab_size)?,
            eos_token_id: token_ids(&fields, "eos_token_id", raw.eos_token_id, vocab_size)?,
            attention_bias: raw.attention_bias.unwrap_or(false),
            mlp_bias: raw.mlp_bias.unwrap_or(false),
            activation: activation(raw.hidden_activation.as_ref().or(raw.hidden_act.as_ref()))?,
            source: Source { path: path.to_owned(), json: own },
            architectures: raw.architectures.unwrap_or_default(),
        })
    }

    /// The class that the makers name first, such as `LlamaForCausalLM`; `None` where they name
    /// none.
    pub fn architecture(&self) -> Option<&str> {
        self.architectures.first().map(String::as_str)
    }

    /// What only one family's config says.
    pub(crate) fn family<T: DeserializeOwned>(&self) -> Result<T, ModelError> {
        raw::parse(&self.source.path, &self.source.json)
    }

    /// A size that only one family's config has, from 1 to `max`.
    pub(crate) fn size(
        &self,
        name: &str,
        given: Option<u64>,
        max: u64,
    ) -> Result<usize, ModelError> {
        Fields::new(&self.source.path).required(name, given, max)
    }

    /// The error of a value that a family's mapping refuses.
    pub(crate) fn wrong(&self, why: impl Into<String>) -> ModelError {
        Fields::new(&self.source.path).wrong(why)
    }
}

/// Passes what the tensors themselves tell how to read, each by its name and shape.
fn refuse_quantized(raw: &RawDecoder) -> Result<(), ModelError> {
    let Some(quantization) = &raw.quantization_config else { return Ok(()) };
    let method = quantization.quant_method.as_deref().unwrap_or("unknown");
    if ["fp8", "compressed-tensors", "mxfp4"].contains(&method) {
        return Ok(());
    }
    Err(ModelError::Unsupported {
        what: format!("a checkpoint quantised by `{}`", label(method)),
        why: "use one in F32, F16 or BF16, in fp8 with blocks of 128, in int4 as \
              compressed-tensors packs it, in mxfp4, or a GGUF file"
            .to_owned(),
    })
}

fn head_dim(
    fields: &Fields<'_>,
    given: Option<u64>,
    hidden_size: usize,
    heads: usize,
) -> Result<usize, ModelError> {
    let head_dim = match fields.optional("head_dim", given, WIDTH_MAX)? {
        Some(given) => given,
        None if hidden_size.is_multiple_of(heads) => hidden_size / heads,
        None => {
            return Err(fields.wrong(format!(
                "`hidden_size` ({hidden_size}) is no multiple of `num_attention_heads` ({heads})"
            )));
        }
    };
    if head_dim == 0 || !head_dim.is_multiple_of(2) {
        return Err(fields.wrong(format!("a head's width is even, but it is {head_dim}")));
    }
    if heads.checked_mul(head_dim).is_none_or(|width| width as u64 > WIDTH_MAX) {
        return Err(
            fields.wrong(format!("{heads} heads of width {head_dim} are wider than {WIDTH_MAX}"))
        );
    }
    Ok(head_dim)
}

fn rms_norm_eps(fields: &Fields<'_>, given: Option<f64>) -> Result<f32, ModelError> {
    // What transformers takes where the file names none.
    const DEFAULT: f64 = 1e-6;
    let eps = given.unwrap_or(DEFAULT) as f32;
    if eps.is_finite() && eps > 0.0 && eps < 1.0 {
        return Ok(eps);
    }
    Err(fields.wrong(format!("`rms_norm_eps` must be between 0 and 1, but is {eps}")))
}

fn token_ids(
    fields: &Fields<'_>,
    name: &str,
    given: Option<OneOrMany<u32>>,
    vocab_size: usize,
) -> Result<Option<OneOrMany<u32>>, ModelError> {
    if let Some(ids) = &given {
        if ids.len() > EOS_IDS_MAX {
            return Err(fields.wrong(format!("`{name}` has more than {EOS_IDS_MAX} ids")));
        }
        if let Some(id) = ids.iter().find(|&&id| id as usize >= vocab_size) {
            return Err(fields
                .wrong(format!("`{name}` is {id}, but the vocabulary has {vocab_size} tokens")));
        }
    }
    Ok(given)
}
