//! The Llama family (Touvron et al. 2023): Llama 1 to 3.x, SmolLM2 and all that share their form.

use pricket_simd::RopePairing;

use super::base::{self, bias, set_biases};
use super::keys::Keys;
use super::{Architecture, experts};
use crate::blueprint::{Bias, Blueprint};
use crate::gguf::GgufFile;
use crate::{HfConfig, ModelError};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    gguf: Some("llama"),
    family: ("llama", "LlamaForCausalLM"),
    from_gguf,
    from_config,
};

/// The converter that wrote the file permuted the rows of queries and keys so that the values of a
/// pair lie side by side. Which biases there are only the tensors tell.
fn from_gguf(file: &GgufFile) -> Result<Blueprint, ModelError> {
    let keys = Keys::of(file)?;
    let mut blueprint = base::from_gguf(file)?;
    set_biases(&mut blueprint, Bias::Optional, Bias::Optional, Bias::Optional);
    for rope in &mut blueprint.ropes {
        rope.pairing = RopePairing::Interleaved;
    }
    if keys.find::<u64>("expert_count")?.is_some_and(|count| count > 0) {
        let plan = experts::from_gguf(file, &keys, true)?;
        experts::give(&mut blueprint, &plan, 0, |_| true);
    }
    let head_dim = blueprint.widest(|layer| layer.attention.head_dim);
    match keys.find::<u64>("rope.dimension_count")? {
        Some(found) if found != head_dim as u64 => Err(ModelError::Unsupported {
            what: format!("`{}` = {found}", keys.key("rope.dimension_count")),
            why: format!("only the width of a head, {head_dim}, is"),
        }),
        _ => Ok(blueprint),
    }
}

fn from_config(config: &HfConfig) -> Result<Blueprint, ModelError> {
    let part = config.rope.partial_rotary_factor;
    if part < 1.0 {
        return Err(ModelError::Unsupported {
            what: format!("`partial_rotary_factor` {part}"),
            why: "a Llama turns whole heads".to_owned(),
        });
    }
    let mut blueprint = base::from_config(config)?;
    let attention = bias(config.attention_bias);
    set_biases(&mut blueprint, attention, attention, bias(config.mlp_bias));
    Ok(blueprint)
}
