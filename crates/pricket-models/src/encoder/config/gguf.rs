//! BERT and Nomic's BERT by the metadata of a GGUF file.

use pricket_simd::RopePairing;

use super::{decodes, unsupported};
use crate::encoder::blueprint::{Activation, EncoderBlueprint, Family, Positions, Task};
use crate::encoder::names::GGUF_WORDS;
use crate::encoder::pooling::{Pooling, PoolingMode};
use crate::gguf::{FromGguf, GgufFile};
use crate::limits::{CONTEXT_MAX, HEADS_MAX, LAYERS_MAX, VOCABULARY_MAX, WIDTH_MAX};
use crate::{ModelError, TensorSource, arch};

/// What such files call the families that run.
const FAMILIES: [&str; 2] = ["bert", "nomic-bert"];

/// The pooling of a file that scores pairs and gives no vectors.
const RANKS: u64 = 4;

/// Whether an encoder of this architecture runs.
pub(crate) fn runs_gguf(architecture: &str) -> bool {
    FAMILIES.contains(&architecture)
}

/// The blueprint of a file.
///
/// # Errors
/// [`ModelError::ArchitectureUnsupported`] lists what is known; [`ModelError::Metadata`] names what
/// is missing or out of range, [`ModelError::Unsupported`] what this build does not run.
pub(crate) fn blueprint(file: &GgufFile) -> Result<EncoderBlueprint, ModelError> {
    let name = file.architecture()?;
    if arch::runs_gguf(name) {
        return Err(decodes(name));
    }
    if !runs_gguf(name) {
        return Err(unsupported(name, &FAMILIES));
    }
    let keys = Keys { file, architecture: name };
    if keys.find("attention.causal")? == Some(true) {
        return Err(ModelError::Unsupported {
            what: "an encoder with a causal mask".to_owned(),
            why: format!("{} asks for it", file.path().display()),
        });
    }
    let hidden = keys.size("embedding_length", WIDTH_MAX)?;
    let heads = keys.size("attention.head_count", HEADS_MAX)?;
    if !hidden.is_multiple_of(heads) {
        let why = format!("is {heads}, which cannot share the width {hidden}");
        return Err(keys.wrong("attention.head_count", why));
    }
    let context = keys.size("context_length", CONTEXT_MAX)?;
    let is_nomic = name == "nomic-bert";
    let (positions, tokens_max) = if is_nomic {
        (keys.rotation(hidden / heads)?, context)
    } else {
        let rows = rows(file, "position_embd.weight", CONTEXT_MAX)?;
        (Positions::Learned { first: 0, rows }, context.min(rows))
    };
    Ok(EncoderBlueprint {
        architecture: name.to_owned(),
        name: file.metadata().find::<&str>("general.name")?.map(str::to_owned),
        family: if is_nomic { Family::Nomic } else { Family::Bert },
        task: Task::Vectors,
        vocab: rows(file, GGUF_WORDS, VOCABULARY_MAX)?,
        types: rows(file, "token_types.weight", VOCABULARY_MAX)?,
        positions,
        tokens_max,
        hidden,
        layers: keys.size("block_count", LAYERS_MAX)?,
        heads,
        ffn: keys.size("feed_forward_length", WIDTH_MAX)?,
        activation: if is_nomic { Activation::SiluGated } else { Activation::Gelu },
        norm_eps: keys.eps()?,
    })
}

/// How its hidden states become a vector.
///
/// # Errors
/// [`ModelError::Unsupported`] for a file that gives no vectors, such as a reranker.
pub(crate) fn pooling(file: &GgufFile) -> Result<Pooling, ModelError> {
    let keys = Keys { file, architecture: file.architecture()? };
    let mode = match keys.find::<u64>("pooling_type")? {
        None | Some(1) => PoolingMode::Mean,
        Some(2) => PoolingMode::Cls,
        Some(3) => PoolingMode::LastToken,
        Some(RANKS) => {
            return Err(ModelError::Unsupported {
                what: "a reranker in a GGUF file".to_owned(),
                why: "rerankers run from their checkpoints; name the folder with its config.json \
                      and weights"
                    .to_owned(),
            });
        }
        Some(other) => {
            return Err(ModelError::Unsupported {
                what: format!("`{}` {other}", keys.key("pooling_type")),
                why: "GGUF encoders run with 1 (mean), 2 (first token) and 3 (last token)"
                    .to_owned(),
            });
        }
    };
    Ok(Pooling::of([mode]))
}

/// How many rows a table has, which no key tells.
fn rows(file: &GgufFile, tensor: &str, max: u64) -> Result<usize, ModelError> {
    let info = file.info(tensor)?;
    match info.shape.as_slice() {
        &[rows, _] if (1..=max).contains(&(rows as u64)) => Ok(rows),
        _ => Err(ModelError::Unsupported {
            what: format!("`{tensor}` of the shape {:?}", info.shape),
            why: format!("it is a table of 1 to {max} rows"),
        }),
    }
}

/// The keys of one architecture.
struct Keys<'a> {
    file: &'a GgufFile,
    architecture: &'a str,
}

impl<'a> Keys<'a> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    fn find<T: FromGguf<'a>>(&self, key: &str) -> Result<Option<T>, ModelError> {
        self.file.metadata().find(&self.key(key))
    }

    fn wrong(&self, key: &str, why: String) -> ModelError {
        ModelError::Metadata { key: self.key(key), why }
    }

    fn size(&self, key: &str, max: u64) -> Result<usize, ModelError> {
        match self.file.metadata().require::<u64>(&self.key(key))? {
            // Every limit fits an address.
            value if (1..=max).contains(&value) => Ok(value as usize),
            value => Err(self.wrong(key, format!("is {value}, but must be from 1 to {max}"))),
        }
    }

    fn eps(&self) -> Result<f32, ModelError> {
        let key = "attention.layer_norm_epsilon";
        // Both families' own default.
        match self.find::<f32>(key)?.unwrap_or(1e-12) {
            eps if eps >= 0.0 => Ok(eps),
            eps => Err(self.wrong(key, format!("is {eps}, but must be 0 or more"))),
        }
    }

    fn rotation(&self, dims: usize) -> Result<Positions, ModelError> {
        let key = "rope.freq_base";
        let base = self.file.metadata().require::<f32>(&self.key(key))?;
        if base <= 0.0 || !dims.is_multiple_of(2) {
            let why = format!("is {base}, to turn {dims} numbers; it must be above 0, they even");
            return Err(self.wrong(key, why));
        }
        Ok(Positions::Rotary { base, dims, pairing: RopePairing::Half })
    }
}
