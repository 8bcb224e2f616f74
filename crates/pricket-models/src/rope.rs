//! Rotary position embedding (Su et al. 2021): the frequencies, and how long-context models stretch
//! them.

use std::f32::consts::TAU;

use pricket_simd::RopePairing;

use crate::blueprint::{LongRope, RopePlan};
use crate::config::pairs;
use crate::{ModelError, RopeConfig, RopeScaling};

/// How a config turns heads of `head_dim`.
///
/// # Errors
/// [`ModelError::Unsupported`] where it would turn no pairs, or names not one factor for each.
pub(crate) fn plan(
    config: &RopeConfig,
    head_dim: usize,
    pairing: RopePairing,
) -> Result<RopePlan, ModelError> {
    let pairs = pairs(head_dim, config.partial_rotary_factor)?;
    let plain = frequencies(config.theta, 2 * pairs);
    let (mut long, mut magnitude) = (None, 1.0);
    let inv_freq = match &config.scaling {
        RopeScaling::None => plain,
        RopeScaling::Linear { factor } => plain.iter().map(|freq| freq / factor).collect(),
        RopeScaling::Llama3 { .. } => llama3(&plain, &config.scaling),
        RopeScaling::Yarn { factor, attention_factor, mscale, mscale_all_dim, .. } => {
            magnitude = attention_factor.unwrap_or_else(|| match (mscale, mscale_all_dim) {
                (Some(over), Some(under)) => {
                    yarn_magnitude(*factor, *over) / yarn_magnitude(*factor, *under)
                }
                _ => yarn_magnitude(*factor, 1.0),
            });
            yarn(&plain, config.theta, &config.scaling)
        }
        RopeScaling::LongRope {
            short_factor,
            long_factor,
            attention_factor,
            original_max_position_embeddings,
        } => {
            magnitude = *attention_factor;
            let beyond = *original_max_position_embeddings;
            long = Some(LongRope { inv_freq: divided(&plain, long_factor)?, beyond });
            divided(&plain, short_factor)?
        }
    };
    Ok(RopePlan { inv_freq, long, magnitude, pairing })
}

/// Radians per position of each pair: `dim / 2` values, the fastest first.
fn frequencies(theta: f32, dim: usize) -> Vec<f32> {
    let frequency = |pair: usize| {
        let exponent = (2 * pair) as f32 / dim as f32;
        (1.0 / f64::from(theta).powf(f64::from(exponent))) as f32
    };
    (0..dim / 2).map(frequency).collect()
}

/// Each frequency by its own divisor.
///
/// # Errors
/// [`ModelError::Unsupported`] where there are not as many.
pub(crate) fn divided(plain: &[f32], divisors: &[f32]) -> Result<Vec<f32>, ModelError> {
    if plain.len() != divisors.len() {
        return Err(ModelError::Unsupported {
            what: format!("a rope with {} factors", divisors.len()),
            why: format!("it turns {} pairs, and each has one", plain.len()),
        });
    }
    Ok(plain.iter().zip(divisors).map(|(freq, divisor)| freq / divisor).collect())
}

/// Llama 3.1's blend by wavelength.
fn llama3(plain: &[f32], scaling: &RopeScaling) -> Vec<f32> {
    let RopeScaling::Llama3 {
        factor,
        low_freq_factor,
        high_freq_factor,
        original_max_position_embeddings,
    } = *scaling
    else {
        return plain.to_vec();
    };
    let context = original_max_position_embeddings as f32;
    let stretched = |freq: &f32| {
        let wavelength = TAU / freq;
        if wavelength < context / high_freq_factor {
            *freq
        } else if wavelength > context / low_freq_factor {
            freq / factor
        } else {
            let smooth =
                (context / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
            (1.0 - smooth) * freq / factor + smooth * freq
        }
    };
    plain.iter().map(stretched).collect()
}

/// `YaRN`'s blend: a ramp over the pairs between the two that turn `beta_fast` and `beta_slow`
/// times in the original context (Peng et al. 2023, section 3.2).
fn yarn(plain: &[f32], theta: f32, scaling: &RopeScaling) -> Vec<f32> {
    let RopeScaling::Yarn {
        factor,
        beta_fast,
        beta_slow,
        truncate,
        original_max_position_embeddings,
        ..
    } = *scaling
    else {
        return plain.to_vec();
    };
    let dim = 2.0 * plain.len() as f64;
    let pair_of = |turns: f32| {
        let wavelength =
            original_max_position_embeddings as f64 / (f64::from(turns) * std::f64::consts::TAU);
        dim * wavelength.ln() / (2.0 * f64::from(theta).ln())
    };
    let (mut low, mut high) = (pair_of(beta_fast), pair_of(beta_slow));
    if truncate {
        (low, high) = (low.floor(), high.ceil());
    }
    (low, high) = (low.max(0.0), high.min(dim - 1.0));
    let width = if high > low { high - low } else { 0.001 };
    let stretched = |(pair, freq): (usize, &f32)| {
        let ramp = ((pair as f64 - low) / width).clamp(0.0, 1.0) as f32;
        freq / factor * ramp + freq * (1.0 - ramp)
    };
    plain.iter().enumerate().map(stretched).collect()
}

/// What `YaRN` multiplies cosines and sines with, its logarithm weighed by `mscale`.
pub(crate) fn yarn_magnitude(factor: f32, mscale: f32) -> f32 {
    if factor <= 1.0 { 1.0 } else { 0.1 * mscale * factor.ln() + 1.0 }
}
