//! What a `config.json` names in words.

use super::raw::Fields;
use crate::ModelError;
use crate::tensor_source::label;

/// The activation of a gated feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `x / (1 + exp(-x))`.
    Silu,
    /// The Gaussian error linear unit in its tanh form.
    GeluTanh,
}

/// What a layer attends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayerType {
    /// Everything before a token.
    Full,
    /// As much of it as the window holds.
    Sliding,
}

pub(super) fn activation(name: Option<&String>) -> Result<Activation, ModelError> {
    match name.map_or("silu", String::as_str) {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu_pytorch_tanh" | "gelu_new" => Ok(Activation::GeluTanh),
        other => Err(ModelError::Unsupported {
            what: format!("activation `{}`", label(other)),
            why: "known are silu and gelu_pytorch_tanh".to_owned(),
        }),
    }
}

pub(super) fn layer_types(
    fields: &Fields<'_>,
    given: Option<&[String]>,
    layers: usize,
) -> Result<Option<Vec<LayerType>>, ModelError> {
    let Some(given) = given else { return Ok(None) };
    if given.len() != layers {
        return Err(fields.wrong(format!(
            "`layer_types` has {} values, but there are {layers} layers",
            given.len()
        )));
    }
    let types = given.iter().map(|name| match name.as_str() {
        "full_attention" => Ok(LayerType::Full),
        "sliding_attention" => Ok(LayerType::Sliding),
        other => Err(ModelError::Unsupported {
            what: format!("a layer of the type `{}`", label(other)),
            why: "known are full_attention and sliding_attention".to_owned(),
        }),
    });
    types.collect::<Result<_, _>>().map(Some)
}
