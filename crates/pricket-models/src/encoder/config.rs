//! From an encoder's `config.json` to its blueprint.

mod bert;
pub(crate) mod gguf;
mod nomic;
mod raw;

use std::path::Path;

use super::blueprint::{Activation, EncoderBlueprint, Task};
use super::json;
use crate::limits::{CONFIG_BYTES_MAX, HEADS_MAX};
use crate::tensor_source::{Bytes, label};
use crate::{ModelError, arch};
use raw::RawEncoder;

/// The families (`model_type`), each with how its classes begin.
const FAMILIES: [(&str, &str); 5] = [
    ("bert", "Bert"),
    ("roberta", "Roberta"),
    ("xlm-roberta", "XLMRoberta"),
    ("camembert", "Camembert"),
    ("nomic_bert", "NomicBert"),
];

/// How the classes go on whose body gives vectors: they differ in what stands behind it, which
/// embeddings do not use.
const BODIES: [&str; 3] = ["Model", "ForMaskedLM", "ForPreTraining"];

/// The class that scores pairs.
const SCORER: &str = "ForSequenceClassification";

/// Whether an encoder of this family runs.
pub(crate) fn runs(model_type: &str) -> bool {
    FAMILIES.iter().any(|(family, _)| *family == model_type)
}

/// Reads a `config.json`.
///
/// # Errors
/// [`ModelError::ArchitectureUnsupported`] lists what is known; [`ModelError::Config`] names what
/// is missing or out of range, [`ModelError::Unsupported`] what this build does not run.
pub(super) fn read(path: &Path) -> Result<EncoderBlueprint, ModelError> {
    let bytes = Bytes::open(path)?.read_all(CONFIG_BYTES_MAX)?;
    let config = Config { path, raw: json::parse(path, &bytes)? };
    let family = config.raw.model_type.as_deref().ok_or_else(|| config.missing("model_type"))?;
    let Some((family, begin)) = FAMILIES.iter().find(|(known, _)| *known == family) else {
        if arch::check(family, None).is_ok() {
            return Err(decodes(family));
        }
        let known = FAMILIES.map(|(family, _)| family);
        return Err(unsupported(family, &known));
    };
    let task = config.task(begin)?;
    let mut blueprint = match *family {
        "nomic_bert" => nomic::blueprint(&config, task)?,
        "bert" => bert::blueprint(&config, task, bert::Counting::FromZero)?,
        _ => bert::blueprint(&config, task, bert::Counting::BehindPadding)?,
    };
    (*family).clone_into(&mut blueprint.architecture);
    blueprint.name = config.raw.name.clone().filter(|name| !name.is_empty());
    Ok(blueprint)
}

/// The refusal of a model that goes on with texts where an encoder is wanted.
fn decodes(name: &str) -> ModelError {
    ModelError::Unsupported {
        what: format!("`{}` as an encoder", label(name)),
        why: "it goes on with texts, and no modules.json beside it says how they become vectors; \
              it is run by `pricket run` and `open`"
            .to_owned(),
    }
}

/// The refusal of an encoder where a model that goes on with texts is wanted.
pub(crate) fn encodes(name: &str) -> ModelError {
    ModelError::Unsupported {
        what: format!("`{}` as a model that answers", label(name)),
        why:
            "it makes vectors or scores of texts, and is run by `pricket embed`, `pricket rerank` \
              and `open_encoder`"
                .to_owned(),
    }
}

fn unsupported(name: &str, known: &[&str]) -> ModelError {
    ModelError::ArchitectureUnsupported { name: label(name), known: known.join(", ") }
}

/// A config and where it lies.
struct Config<'a> {
    path: &'a Path,
    raw: RawEncoder,
}

impl Config<'_> {
    fn wrong(&self, why: impl Into<String>) -> ModelError {
        json::wrong(self.path, why)
    }

    fn missing(&self, name: &str) -> ModelError {
        self.wrong(format!("`{name}` is missing"))
    }

    /// A size from 1 to `max` that must be there, under the first of its names that is.
    fn size(&self, names: &[(&str, Option<u64>)], max: u64) -> Result<usize, ModelError> {
        match names.iter().find_map(|(name, value)| Some((name, (*value)?))) {
            // Every limit fits an address.
            Some((_, value)) if (1..=max).contains(&value) => Ok(value as usize),
            Some((name, value)) => {
                Err(self.wrong(format!("`{name}` must be from 1 to {max}, but is {value}")))
            }
            None => Err(self.missing(names.first().map_or("", |(name, _)| name))),
        }
    }

    /// A number of heads that divides the width.
    fn heads(&self, names: &[(&str, Option<u64>)], hidden: usize) -> Result<usize, ModelError> {
        let heads = self.size(names, HEADS_MAX)?;
        if hidden.is_multiple_of(heads) {
            return Ok(heads);
        }
        Err(self.wrong(format!("the hidden size {hidden} cannot be shared among {heads} heads")))
    }

    /// What a norm adds to the variance.
    fn eps(&self, given: Option<f64>) -> Result<f32, ModelError> {
        // Both families' own default.
        match given.unwrap_or(1e-12) as f32 {
            eps if eps.is_finite() && eps >= 0.0 => Ok(eps),
            eps => Err(self.wrong(format!("the norm's epsilon must be 0 or more, but is {eps}"))),
        }
    }

    fn activation(name: &str) -> Result<Activation, ModelError> {
        Ok(match name {
            "gelu" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            other => {
                return Err(ModelError::Unsupported {
                    what: format!("activation `{}`", label(other)),
                    why: "encoders run with gelu, gelu_new, gelu_pytorch_tanh, gelu_fast and relu"
                        .to_owned(),
                });
            }
        })
    }

    /// What is made of the hidden states: the first class says.
    fn task(&self, begin: &str) -> Result<Task, ModelError> {
        let class = self.raw.architectures.as_ref().and_then(|classes| classes.first());
        let Some(class) = class else { return Ok(Task::Vectors) };
        let rest = class.strip_prefix(begin).unwrap_or_default();
        if BODIES.contains(&rest) {
            return Ok(Task::Vectors);
        }
        if rest != SCORER || begin == "NomicBert" {
            let ends = BODIES.iter().chain((begin != "NomicBert").then_some(&SCORER));
            let known: Vec<String> = ends.map(|end| format!("{begin}{end}")).collect();
            return Err(unsupported(class, &known.iter().map(String::as_str).collect::<Vec<_>>()));
        }
        match self.raw.labels() {
            1 => Ok(Task::Scores { sigmoid: self.raw.has_sigmoid() }),
            labels => Err(ModelError::Unsupported {
                what: format!("a classifier with {labels} labels"),
                why: "a reranker has one label, its score".to_owned(),
            }),
        }
    }

    /// Refuses a field whose value changes the computation in a way that is not run.
    fn refuse(&self, what: &str, found: bool) -> Result<(), ModelError> {
        if !found {
            return Ok(());
        }
        Err(ModelError::Unsupported {
            what: format!("an encoder with {what}"),
            why: format!("{} asks for it", self.path.display()),
        })
    }
}
